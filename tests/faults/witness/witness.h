/*
 * witness: many streams that write down what they are told, and a judge who
 * holds it against the journal.  One thread.
 */
#ifndef FAULTS_WITNESS_H
#define FAULTS_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

#define WITNESS_READ ((size_t)256 * 1024)
#define WITNESS_OLD  64

/* Ids from one `connected` or `reset` to the next reset: of one history. */
struct era {
	int64_t base; /* the ids that follow are above it; -1: not begun */
	int64_t *ids;
	size_t count, cap;
};

struct stream {
	struct witness *witness;
	const char *user, *secret;
	int fd;
	bool connecting, in_body, connected;
	int64_t due_ns; /* when it connects again */
	struct http http;
	char *rest; /* of an event or head that is not all there */
	size_t rest_len;
	char cursor[24];
	struct era *eras; /* at least one */
	size_t era_count;
};

struct witness {
	const char *address, *path, *database;
	uint16_t port;
	int epoll;
	struct stream *streams;
	size_t count;
	int64_t again_ns;
	char *scratch;
	/* counts over all streams */
	uint64_t connections, refused, resets, doubled, disordered, malformed;
	size_t connected;
	/* copies of databases that were replaced since */
	const char *old[WITNESS_OLD];
	size_t old_count;
};

/* What the journal says of what the streams have. */
struct verdict {
	uint64_t events, lost, strange;
	size_t behind; /* streams that lack something */
	char first[160];
};

/* stream.c */
void stream_init(struct stream *s, struct witness *w, char *line);
void stream_fini(struct stream *s);
/* Connects those that are due, waits at most so long, takes what has come. */
void streams_turn(struct witness *w, int timeout_ms);
/* All hang up. */
void streams_cut(struct witness *w);
struct era *stream_era(const struct stream *s);

/* judge.c: 0, or -1 when the database can't be read now. */
int judge(const struct witness *w, struct verdict *out);

#endif
