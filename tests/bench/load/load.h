/*
 * load: many streams in one epoll loop.
 *
 * The thread that calls these functions owns everything here; the publisher
 * has a thread of its own.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "http.h"
#include "machine.h"
#include "options.h"
#include "publisher.h"
#include "tally.h"

#define LOAD_SCRATCH ((size_t)1024 * 1024) /* longest read */

enum client_state {
	CLIENT_CLOSED,	/* for good, or until load_open */
	CLIENT_WAITING, /* to be opened when due */
	CLIENT_CONNECTING,
	CLIENT_HEAD,
	CLIENT_OPEN /* the head of the response has come */
};

/* Late: reads again after it has stalled; its times say nothing. */
enum client_pace { PACE_FULL, PACE_LATE, PACE_SLOW, PACE_STALLED };

struct client {
	struct load *load;
	int fd;
	unsigned index;
	enum client_state state;
	enum client_pace pace;
	bool ready; /* subscribed, as far as a client can tell */
	bool seen;  /* was ready before: this one comes back */
	struct http http;
	char *rest; /* of an event or head that is not all there */
	size_t rest_len;
	char cursor[64]; /* the last id */
	int64_t cursor_number;
	int64_t retry_ms, due_ns, down_ns, opened_ns;
	struct tally tally;
};

struct load {
	const struct options *options;
	int epoll;
	struct client *clients;
	unsigned count;	  /* clients in use so far */
	unsigned waiting; /* to be opened */
	unsigned opening; /* on the way to ready */
	unsigned ready;
	unsigned at_once; /* how many may be on the way */
	unsigned cursor;  /* where the search for due clients goes on */
	char *scratch;
	struct publisher publisher;
	uint64_t missing, missing_stalled; /* deliveries still to come */
	uint64_t deliveries, stream_bytes, reads;
	uint64_t ids_disordered, refused, ended;
	char refusal[120];		 /* the first */
	int64_t last_ns;		 /* when a message came last */
	int64_t slow_tick_ns, *first_ns; /* by message: first arrival */
	struct histogram latency, back;
	/* filled by scenarios, for the report */
	struct histogram caught_up;
	struct machine_sample before, after;
	double opened_ms;
	int64_t begin_ns, down_ns, back_ns;
	unsigned killed;
};

void load_init(struct load *load, const struct options *options,
	       uint64_t messages);
void load_fini(struct load *load);
/* Opens n more clients and turns until all that are open are ready, or ends
 * the program when that takes too long. */
void load_open(struct load *load, unsigned n);
/* One wait of at most so many ms, and all that came of it. */
void load_turn(struct load *load, int timeout_ms);
void load_turn_for(struct load *load, int64_t ms);
/* All clients hang up; they come back with load_return. */
void load_cut(struct load *load);
void load_return(struct load *load);
/* What is still to come, by how clients read now. */
void load_count_missing(struct load *load);

/* client.c */
void client_init(struct client *c, struct load *load, unsigned index);
void client_fini(struct client *c);
void client_open(struct client *c);
/* Closes; to be opened again after ms, unless that is -1. */
void client_drop(struct client *c, int64_t again_after_ms);
void client_event(struct client *c, uint32_t events);
void client_read(struct client *c, size_t most);
void client_pace(struct client *c, enum client_pace pace);

/* scenario.c: exit code */
int scenario_run(const struct options *options);
/* report.c: JSON on stdout */
void report_print(struct load *load);
bool report_correct(const struct load *load);

#endif
