/*
 * store: every query of the domain, over sql/queries/store.sql.
 *
 * Functions take the caller's connection.  "within a transaction" means that
 * the caller has begun one, so that several answers come from one snapshot.
 * They block for SQLite only.  -1 is an error of the database, with *err.
 */
#ifndef BELFRY_STORE_H
#define BELFRY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/notification.h"
#include "lib/buf.h"

struct db;
struct db_stmt;
struct err;

#define STORE_EPOCH_BYTES 64

/* Where the journal stands.  A cursor X is good if floor <= X <= seq. */
struct store_head {
	int64_t floor; /* max(meta.floor, min(events.id) - 1) */
	int64_t seq;   /* highest event id ever given */
	char epoch[STORE_EPOCH_BYTES];
};
int store_head(struct db *db, struct store_head *out, struct err *err);

/* Unread, unexpired, not hidden, broadcasts included: as much work as there are
 * rows that are unread. */
int store_unread_count(struct db *db, struct span user, int64_t now_ms,
		       int64_t *count, struct err *err);
/* The same with bounded work: 0 (and *count untouched) where more than so many
 * rows would have to be looked at, 1 where *count is right, -1. */
int store_unread_count_within(struct db *db, struct span user, int64_t now_ms,
			      int64_t rows, int64_t *count, struct err *err);

/* ---- reading: store.c ---- */

/* Who looks, and when: what has expired by then is not there. */
struct store_view {
	struct span user;
	int64_t now_ms;
};

struct store_filter {
	int64_t before;	   /* only ids below it; 0: all */
	bool unread;	   /* only unread ones */
	struct span types; /* only these, "a,b"; SPAN_NONE: all */
};

/* Calls each for the user's notifications and the broadcasts that the user has
 * not hidden, highest id first, until it returns other than 0 (1: enough, -1:
 * failed) or there are no more.  The row is valid during the call.  Within a
 * transaction. Returns 0 or -1. */
struct store_reader {
	int (*each)(struct store_reader *reader, const struct notification *n,
		    struct err *err);
};
int store_list(struct db *db, const struct store_view *view,
	       const struct store_filter *filter, struct store_reader *reader,
	       struct err *err);

/* One notification, whoever's it is.  readAt is its user's; of a broadcast,
 * the viewer's. */
struct store_row {
	struct notification n; /* valid until store_row_done */
	bool mine;	       /* the viewer's own, or a broadcast not hidden */
	bool broadcast;
	bool expired;
	struct db_stmt *stmt;
};
/* 1: found, 0: not there, -1.  Only after 1: store_row_done, before anything
 * is written. */
int store_get(struct db *db, const struct store_view *view, int64_t id,
	      struct store_row *out, struct err *err);
void store_row_done(struct store_row *row);

/* Which notification has this dedupe key with that user?  1, 0 or -1. */
int store_find_dedupe(struct db *db, struct span user, struct span key,
		      int64_t *id, struct err *err);

/* ---- writing: store_write.c, within a write transaction ---- */

/* One new row.  *created false: the dedupe key is taken, *id is its holder. */
int store_create(struct db *db, const struct notification_input *in,
		 int64_t now_ms, int64_t *id, bool *created, struct err *err);
/* Sets what in->has names. */
int store_update(struct db *db, int64_t id, const struct notification_input *in,
		 struct err *err);
/* The viewer's read state of a notification that is `mine`, and is the other
 * one now (else its time would change). */
struct store_target {
	int64_t id;
	bool broadcast;
};
int store_set_read(struct db *db, const struct store_view *view,
		   const struct store_target *target, bool read,
		   struct err *err);
/* Everything of the user's up to `through` (clamped to the last notification)
 * becomes read.  *changed: something was not. */
int store_read_all(struct db *db, const struct store_view *view,
		   int64_t through, bool *changed, struct err *err);
/* A broadcast goes for this user only. */
int store_hide(struct db *db, const struct store_view *view, int64_t id,
	       struct err *err);
int store_delete(struct db *db, int64_t id, struct err *err);

#endif
