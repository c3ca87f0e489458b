/*
 * publisher: sends numbered messages from a thread of its own, at a pace or as
 * fast as they are taken.
 *
 * Message n goes to everyone, or to user n modulo the number of users.
 */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "text.h"

struct options;

struct publisher {
	const struct options *options;
	uint64_t total;	     /* of the whole run */
	uint64_t first, end; /* of this part of it */
	pthread_t thread;
	/* by message: when its commit returned or its answer came; 0: not */
	_Atomic int64_t *answered_ns;
	atomic_bool done;
	atomic_bool stop;
	/* for readers once it is done */
	uint64_t answered, failed, again;
	_Atomic int64_t started_ns;
	int64_t finished_ns, late_ns; /* late: worst */
	char error[200];	      /* the first */
	struct text payload, scratch;
};

void publisher_init(struct publisher *p, const struct options *options,
		    uint64_t total);
void publisher_fini(struct publisher *p);
/* Starts on messages first … end - 1. */
void publisher_start(struct publisher *p, uint64_t first, uint64_t end);
void publisher_join(struct publisher *p);
bool publisher_done(struct publisher *p);

/* For the two kinds. */
void publish_sql(struct publisher *p);
void publish_post(struct publisher *p);
/* When message n is due; 0: at once. */
int64_t publisher_due_ns(const struct publisher *p, uint64_t n);
/* The payload of message n, sent now, until the next call. */
const char *publisher_payload(struct publisher *p, uint64_t n);
/* Whom n is for, in a name with room for 24 bytes. */
const char *publisher_user(const struct publisher *p, uint64_t n,
			   char name[static 24]);
void publisher_answered(struct publisher *p, uint64_t n, uint64_t count);
void publisher_failed(struct publisher *p, uint64_t count, const char *what);

#endif
