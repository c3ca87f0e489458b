/*
 * retention: the phases of a pass; events.
 *
 * Events go from the oldest on, while they are too old or too many; the first
 * that may stay ends it, so that what is left has no hole and `floor`, set in
 * the same transaction, says all.  The newest row always stays: it is the
 * anchor by which the journal knows that history is still the same.
 *
 * To count a million rows takes milliseconds, and most of the time nothing is
 * to go; so they are counted only when there can be 1 % too many.
 */
#include "inbox/retention.h"

#include <stdlib.h>

#include "inbox/internal.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/mem.h"

#define SLACK_PARTS 100

struct retention *retention_new(const struct config *config)
{
	struct retention *r = mem_new(sizeof(*r));

	r->config = config;
	return r;
}

void retention_free(struct retention *r)
{
	if (!r)
		return;
	retention_forget_user(r);
	free(r);
}

/* ---- events ---- */

static int one_int(struct db *db, enum db_query query, int64_t *out,
		   struct err *err)
{
	struct db_stmt *s;
	int rc;

	if (db_query(db, query, &s, err) < 0)
		return -1;
	rc = db_step(s, err);
	if (rc < 0)
		return -1;
	*out = rc ? db_int(s, 0) : 0;
	db_reset(s);
	return 0;
}

/* How many are too many?  Once per pass. */
static int find_surplus(struct retention *r, struct db *db, struct err *err)
{
	int64_t rows = r->config->retain.rows;
	struct db_stmt *s;
	int rc;

	r->surplus = 0;
	r->pruned = 0;
	r->after = 0;
	if (one_int(db, DB_RETENTION_NEWEST_EVENT, &r->newest, err) < 0)
		return -1;
	r->newest_first = r->newest;
	/* Less than it was: another database. */
	if (r->counted && r->newest >= r->counted_at &&
	    r->count + (r->newest - r->counted_at) <= rows + rows / SLACK_PARTS)
		return 0;
	if (db_query(db, DB_RETENTION_COUNT_EVENTS, &s, err) < 0)
		return -1;
	rc = db_step(s, err);
	if (rc <= 0)
		return rc;
	r->count = db_int(s, 0);
	r->counted_at = db_int(s, 1);
	r->counted = true;
	db_reset(s);
	if (r->count > rows)
		r->surplus = r->count - rows;
	return 0;
}

/* The oldest that go, at most a batch: how many, and the last of them. */
static int find_events(const struct retention *r, struct db *db,
		       const struct retention_step *step, int64_t *last,
		       struct err *err)
{
	int64_t young = step->now_ms - r->config->retain.age_ms;
	struct db_stmt *s;
	int n = 0, rc;

	if (db_query(db, DB_RETENTION_EVENTS, &s, err) < 0)
		return -1;
	db_bind_int(s, ":after", r->after);
	db_bind_int(s, ":through", step->through);
	db_bind_int(s, ":limit", RETENTION_BATCH);
	while ((rc = db_step(s, err)) > 0) {
		if (n >= r->surplus && db_int(s, 1) > young)
			break;
		*last = db_int(s, 0);
		n++;
	}
	db_reset(s);
	return rc < 0 ? -1 : n;
}

static int run_last(struct db *db, enum db_query query, int64_t last,
		    struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, query, &s, err) < 0)
		return -1;
	db_bind_int(s, ":last", last);
	return db_run(s, err);
}

/* Returns how many. */
static int prune_events(struct db *db, int64_t last, struct err *err)
{
	int n;

	if (db_begin_write(db, err) < 0)
		return -1;
	if (run_last(db, DB_RETENTION_PRUNE_EVENTS, last, err) < 0)
		goto fail;
	n = db_changes(db);
	if (run_last(db, DB_RETENTION_FLOOR, last, err) < 0)
		goto fail;
	return db_commit(db, err) < 0 ? -1 : n;
fail:
	db_rollback(db);
	return -1;
}

static int step_events(struct retention *r, struct db *db,
		       struct retention_step *step, struct err *err)
{
	int64_t last = 0;
	int n = find_events(r, db, step, &last, err);

	if (n <= 0)
		return n;
	if (step->dry_run)
		r->after = last;
	else
		n = prune_events(db, last, err);
	if (n < 0)
		return -1;
	step->removed[RETENTION_EVENTS] += n;
	r->pruned += n;
	r->count -= n;
	r->surplus -= n < r->surplus ? n : r->surplus;
	if (n && one_int(db, DB_RETENTION_NEWEST_EVENT, &r->newest, err) < 0)
		return -1;
	return n > 0;
}

bool retention_is_expiring(const struct retention *r)
{
	return r->phase == PHASE_EXPIRED;
}

bool retention_falls_behind(const struct retention *r)
{
	return r->newest - r->newest_first > r->pruned;
}

/* ---- the pass ---- */

/* As much may expire as goes, without end, so that events have a turn each
 * time: what goes makes more of them. */
static int step_expired(struct retention *r, struct db *db,
			struct retention_step *step, struct err *err)
{
	int rc = retention_step_expired(r, db, step, err);

	if (rc <= 0 || step->dry_run)
		return rc;
	if (!r->surplus && find_surplus(r, db, err) < 0)
		return -1;
	return step_events(r, db, step, err) < 0 ? -1 : rc;
}

static int step_phase(struct retention *r, struct db *db,
		      struct retention_step *step, struct err *err)
{
	switch (r->phase) {
	case PHASE_EXPIRED:
		return step_expired(r, db, step, err);
	case PHASE_EVENTS:
		return step_events(r, db, step, err);
	case PHASE_CREDENTIALS:
		return retention_step_credentials(db, step, err);
	case PHASE_INBOXES:
		return step->inboxes ? retention_step_inboxes(r, db, step, err)
				     : 0;
	case PHASES:
		break;
	}
	return 0;
}

int retention_step(struct retention *r, struct db *db,
		   struct retention_step *step, struct err *err)
{
	for (; r->phase < PHASES; r->phase++) {
		int rc = step_phase(r, db, step, err);

		if (rc > 0)
			return 1;
		if (rc == 0 && r->phase == PHASE_EXPIRED)
			rc = find_surplus(r, db, err);
		if (rc < 0) {
			r->phase = PHASE_EXPIRED;
			r->counted = false;
			return -1;
		}
	}
	r->phase = PHASE_EXPIRED;
	return 0;
}
