/*
 * retention: what goes by itself: expired notifications, old events,
 * notifications beyond what the configuration keeps, and expired credentials.
 *
 * A struct retention is where a pass over all of it stands; it belongs to one
 * thread at a time, and any connection may be given to each step.  A step is
 * short write transactions, two at most, so that whoever else writes waits for
 * a few milliseconds; the pauses between steps are the caller's.
 */
#ifndef BELFRY_RETENTION_H
#define BELFRY_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct db;
struct err;
struct retention;

/* Rows that one transaction removes, at most. */
#define RETENTION_BATCH 200

enum retention_kind {
	RETENTION_UNREAD, /* notifications, in the order of "is it read?" … */
	RETENTION_READ,
	RETENTION_BROADCASTS,
	RETENTION_EXPIRED,
	RETENTION_RECEIPTS,
	RETENTION_EVENTS,
	RETENTION_CREDENTIALS, /* sessions and tokens */
	RETENTION_KINDS
};

struct retention_step {
	int64_t now_ms;
	/* Events above this stay: streams have not been told of them yet. */
	int64_t through;
	/* Nothing is removed, only counted, exactly as it would be. */
	bool dry_run;
	/* Also notifications by age and number: a walk over all of them. */
	bool inboxes;
	/* Out: rows removed by this step. */
	int64_t removed[RETENTION_KINDS];
};

struct retention *retention_new(const struct config *config);
void retention_free(struct retention *r); /* NULL is fine */

/* 1: more is left to do in this pass; 0: the pass is over, the next call begins
 * another; -1: the pass is begun anew. */
int retention_step(struct retention *r, struct db *db,
		   struct retention_step *step, struct err *err);
/* After a step that gave 1: more notifications have expired. */
bool retention_is_expiring(const struct retention *r);
/* More events come than this pass has removed so far. */
bool retention_falls_behind(const struct retention *r);

#endif
