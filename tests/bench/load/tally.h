/*
 * tally: what one client should have got, and what it got.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally {
	/* This client's messages are first, first + step, … below end. */
	uint64_t first, step, end;
	uint64_t expected;
	uint64_t *seen; /* a bit for each of them */
	uint64_t next;	/* number after the highest that has come */
	uint64_t received, doubled, disordered, strange;
};

void tally_init(struct tally *t, uint64_t first, uint64_t step, uint64_t end);
void tally_fini(struct tally *t);
/* True the first time that this message comes. */
bool tally_take(struct tally *t, uint64_t number);

#endif
