/*
 * internal: what the retention*.c files share.
 */
#ifndef BELFRY_RETENTION_INTERNAL_H
#define BELFRY_RETENTION_INTERNAL_H

#include "config/config.h"
#include "inbox/retention.h"
#include "lib/buf.h"

enum retention_phase {
	PHASE_EXPIRED,
	PHASE_EVENTS,
	PHASE_CREDENTIALS,
	PHASE_INBOXES,
	PHASES
};

struct retention {
	const struct config *config;
	enum retention_phase phase;

	/* events: how many there were when the newest was `counted_at` */
	bool counted;
	int64_t count, counted_at;
	int64_t surplus; /* the oldest so many go by number */
	int64_t after;	 /* dry run: those up to it are counted */
	/* of this pass: the newest event at its begin and now */
	int64_t newest_first, newest, pruned;

	/* inboxes */
	struct span user; /* SPAN_NONE before the first; owned */
	bool user_done;
	int64_t before;	 /* the notification that was looked at last */
	int64_t kept[2]; /* of the user's so far: unread, read */
};

void retention_forget_user(struct retention *r);
/* Each removes one batch of its kind. 1: there may be more, 0: none, -1. */
int retention_step_expired(struct retention *r, struct db *db,
			   struct retention_step *step, struct err *err);
int retention_step_credentials(struct db *db, struct retention_step *step,
			       struct err *err);
int retention_step_inboxes(struct retention *r, struct db *db,
			   struct retention_step *step, struct err *err);

#endif
