/*
 * retention_inbox: notifications: those that have expired, and per user those
 * beyond what is kept.
 *
 * A pass goes from user to user by the index, newest notification first, so
 * that numbers are counted on the way.  What goes is found outside of any write
 * transaction and looked at once more within one, as it may have been read, or
 * made unread, in between.
 *
 * A broadcast may have a receipt of every user: they go a batch at a time, and
 * it goes last, when it has expired and nobody sees it.
 */
#include "inbox/internal.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/notification.h"
#include "lib/db.h"
#include "lib/err.h"

#define LOOK_ROWS 1000

static int run_id(struct db *db, enum db_query query, int64_t id,
		  struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, query, &s, err) < 0)
		return -1;
	db_bind_int(s, ":id", id);
	return db_run(s, err);
}

/* ---- expired ---- */

struct expired {
	int64_t id;
	bool broadcast;
};

static int find_expired(struct db *db, int64_t now_ms, int64_t limit,
			struct expired *out, struct err *err)
{
	struct db_stmt *s;
	int n = 0, rc;

	if (db_query(db, DB_RETENTION_EXPIRED, &s, err) < 0)
		return -1;
	db_bind_int(s, ":now", now_ms);
	db_bind_int(s, ":limit", limit);
	while ((rc = db_step(s, err)) > 0)
		out[n++] = (struct expired){db_int(s, 0), db_int(s, 1) != 0};
	return rc < 0 ? -1 : n;
}

/* Their triggers would say that each user has the broadcast unread again. */
static int delete_receipts(struct db *db, int64_t id, int limit,
			   struct err *err)
{
	struct db_stmt *s;
	int n;

	if (db_query(db, DB_RETENTION_DELETE_RECEIPTS, &s, err) < 0)
		return -1;
	db_bind_int(s, ":id", id);
	db_bind_int(s, ":limit", limit);
	db_set_triggers(db, false);
	n = db_run(s, err) < 0 ? -1 : db_changes(db);
	db_set_triggers(db, true);
	return n;
}

static int delete_expired(struct db *db, const struct expired *expired, int n,
			  struct retention_step *step, struct err *err)
{
	int left = RETENTION_BATCH;

	for (int i = 0; i < n && left > 0; i++, left--) {
		if (expired[i].broadcast) {
			int gone =
			    delete_receipts(db, expired[i].id, left, err);

			if (gone < 0)
				return -1;
			left -= gone;
			step->removed[RETENTION_RECEIPTS] += gone;
			if (left <= 0)
				return 0;
		}
		if (run_id(db, DB_RETENTION_DELETE, expired[i].id, err) < 0)
			return -1;
		step->removed[RETENTION_EXPIRED]++;
	}
	return 0;
}

static int count_expired(struct db *db, struct retention_step *step,
			 struct err *err)
{
	struct db_stmt *s;
	int rc;

	if (db_query(db, DB_RETENTION_EXPIRED, &s, err) < 0)
		return -1;
	db_bind_int(s, ":now", step->now_ms);
	db_bind_int(s, ":limit", -1);
	while ((rc = db_step(s, err)) > 0)
		step->removed[RETENTION_EXPIRED]++;
	return rc;
}

int retention_step_expired(struct retention *r, struct db *db,
			   struct retention_step *step, struct err *err)
{
	struct expired expired[RETENTION_BATCH];
	int n;

	(void)r;
	if (step->dry_run)
		return count_expired(db, step, err);
	n = find_expired(db, step->now_ms, 1, expired, err);
	if (n <= 0)
		return n;
	if (db_begin_write(db, err) < 0)
		return -1;
	n = find_expired(db, step->now_ms, RETENTION_BATCH, expired, err);
	if (n < 0 || delete_expired(db, expired, n, step, err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err) < 0 ? -1 : 1;
}

/* ---- inboxes ---- */

void retention_forget_user(struct retention *r)
{
	free((char *)(uintptr_t)r->user.data);
	r->user = SPAN_NONE;
}

/* The next user's turn: 1, 0: that was the last, -1.  A name may have a NUL in
 * it, so its length counts. */
static int next_user(struct retention *r, struct db *db, struct err *err)
{
	struct span next = SPAN_NONE;
	struct db_stmt *s;
	int rc;

	if (db_query(db, DB_RETENTION_NEXT_USER, &s, err) < 0)
		return -1;
	db_bind_text(s, ":after", r->user.data ? r->user : SPAN(""));
	rc = db_step(s, err);
	if (rc < 0)
		return -1;
	if (rc && !db_is_null(s, 0)) {
		next = db_text(s, 0);
		next.data = span_dup(next);
	}
	db_reset(s);
	retention_forget_user(r);
	r->user = next;
	r->user_done = false;
	r->before = INT64_MAX;
	r->kept[0] = r->kept[1] = 0;
	return next.data != NULL;
}

static const struct keep *keep_of(const struct config *c,
				  enum retention_kind kind)
{
	if (kind == RETENTION_BROADCASTS)
		return &c->retain_broadcast;
	return kind == RETENTION_READ ? &c->retain_read : &c->retain_unread;
}

/* Some of the user's rows: which of them go, and where the look ended. */
struct look {
	int64_t before, kept[2];
	bool broadcasts;
	int rows, n;
	struct {
		int64_t id;
		enum retention_kind kind;
	} gone[RETENTION_BATCH];
};

static void look_at_row(const struct config *config, struct db_stmt *s,
			int64_t now_ms, struct look *look)
{
	bool read = !look->broadcasts && db_int(s, 2) != 0;
	enum retention_kind kind = read ? RETENTION_READ : RETENTION_UNREAD;
	const struct keep *keep;

	if (look->broadcasts)
		kind = RETENTION_BROADCASTS;
	keep = keep_of(config, kind);
	look->before = db_int(s, 0);
	look->rows++;
	if (!(keep->rows && look->kept[read] >= keep->rows) &&
	    !(keep->age_ms && db_int(s, 1) <= now_ms - keep->age_ms)) {
		look->kept[read]++;
		return;
	}
	look->gone[look->n].id = look->before;
	look->gone[look->n].kind = kind;
	look->n++;
}

static int look_at_user(const struct retention *r, struct db *db,
			int64_t now_ms, struct look *look, struct err *err)
{
	struct db_stmt *s;
	int rc = 0;

	look->rows = look->n = 0;
	look->before = r->before;
	look->broadcasts = span_equal_text(r->user, NOTIFICATION_EVERYONE);
	memcpy(look->kept, r->kept, sizeof(look->kept));
	if (db_query(db, DB_RETENTION_INBOX, &s, err) < 0)
		return -1;
	db_bind_text(s, ":user", r->user);
	db_bind_int(s, ":before", r->before);
	db_bind_int(s, ":now", now_ms);
	db_bind_int(s, ":limit", LOOK_ROWS);
	while (look->n < RETENTION_BATCH && (rc = db_step(s, err)) > 0)
		look_at_row(r->config, s, now_ms, look);
	db_reset(s);
	return rc < 0 ? -1 : 0;
}

static int delete_found(struct db *db, const struct look *look, int64_t now_ms,
			struct err *err)
{
	struct db_stmt *s;

	for (int i = 0; i < look->n; i++) {
		if (db_query(db,
			     look->broadcasts ? DB_RETENTION_END_BROADCAST
					      : DB_RETENTION_DELETE,
			     &s, err) < 0)
			return -1;
		db_bind_int(s, ":id", look->gone[i].id);
		if (look->broadcasts)
			db_bind_int(s, ":now", now_ms);
		if (db_run(s, err) < 0)
			return -1;
	}
	return 0;
}

static int delete_of_user(const struct retention *r, struct db *db,
			  int64_t now_ms, struct look *look, struct err *err)
{
	if (db_begin_write(db, err) < 0)
		return -1;
	if (look_at_user(r, db, now_ms, look, err) < 0 ||
	    delete_found(db, look, now_ms, err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

static bool keeps_all(const struct config *c)
{
	const struct keep *all[] = {&c->retain_read, &c->retain_unread,
				    &c->retain_broadcast};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->age_ms || all[i]->rows)
			return false;
	return true;
}

int retention_step_inboxes(struct retention *r, struct db *db,
			   struct retention_step *step, struct err *err)
{
	struct look look = {.n = 0};
	int rc;

	if (keeps_all(r->config))
		return 0;
	for (int rows = 0; rows < LOOK_ROWS; rows += look.rows + 1) {
		if (!r->user.data || r->user_done) {
			rc = next_user(r, db, err);
			if (rc <= 0)
				return rc;
		}
		if (look_at_user(r, db, step->now_ms, &look, err) < 0 ||
		    (look.n && !step->dry_run &&
		     delete_of_user(r, db, step->now_ms, &look, err) < 0))
			return -1;
		for (int i = 0; i < look.n; i++)
			step->removed[look.gone[i].kind]++;
		r->before = look.before;
		memcpy(r->kept, look.kept, sizeof(r->kept));
		r->user_done =
		    look.rows < LOOK_ROWS && look.n < RETENTION_BATCH;
		if (look.n && !step->dry_run)
			break; /* one transaction a step */
	}
	return 1;
}
