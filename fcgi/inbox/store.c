/*
 * store: reading.
 *
 * A user's watermark is read first and then given to the statements, so that
 * unread rows are a range of an index.  Rows are handed to the caller one by
 * one as SQLite finds them: a page ends when the caller says so, and no text
 * is copied in between.
 */
#include "inbox/store.h"

#include <stdio.h>

#include "lib/db.h"
#include "lib/err.h"

struct mark {
	int64_t through, at; /* 0: none */
};

static int read_mark(struct db *db, struct span user, struct mark *out,
		     struct err *err)
{
	struct db_stmt *s;
	int found;

	if (db_query(db, DB_STORE_MARK, &s, err) < 0)
		return -1;
	db_bind_text(s, ":user", user);
	found = db_step(s, err);
	if (found < 0)
		return -1;
	*out = (struct mark){0, 0};
	if (found) {
		out->through = db_int(s, 0);
		out->at = db_int(s, 1);
	}
	db_reset(s);
	return 0;
}

int store_head(struct db *db, struct store_head *out, struct err *err)
{
	struct db_stmt *s;
	struct span epoch;

	if (db_query(db, DB_STORE_HEAD, &s, err) < 0 || db_step(s, err) < 0)
		return -1;
	out->floor = db_int(s, 0);
	out->seq = db_int(s, 1);
	epoch = db_text(s, 2);
	snprintf(out->epoch, sizeof(out->epoch), "%.*s", (int)epoch.len,
		 epoch.data ? epoch.data : "");
	db_reset(s);
	return 0;
}

int store_unread_count_within(struct db *db, struct span user, int64_t now_ms,
			      int64_t rows, int64_t *count, struct err *err)
{
	struct db_stmt *s;
	struct mark mark;
	bool exact;

	if (read_mark(db, user, &mark, err) < 0 ||
	    db_query(db, DB_STORE_UNREAD_COUNT, &s, err) < 0)
		return -1;
	db_bind_text(s, ":user", user);
	db_bind_int(s, ":through", mark.through);
	db_bind_int(s, ":now", now_ms);
	db_bind_int(s, ":limit", rows);
	if (db_step(s, err) < 0)
		return -1;
	exact = rows < 0 || db_int(s, 1) < rows;
	if (exact)
		*count = db_int(s, 0);
	db_reset(s);
	return exact;
}

int store_unread_count(struct db *db, struct span user, int64_t now_ms,
		       int64_t *count, struct err *err)
{
	return store_unread_count_within(db, user, now_ms, -1, count, err) < 0
		   ? -1
		   : 0;
}

/* "a,b" becomes ",a,b,", in which ",a," is looked for. */
static void put_types(struct buf *b, struct span types)
{
	buf_putc(b, ',');
	buf_put(b, types);
	buf_putc(b, ',');
}

static void bind_list(struct db_stmt *s, const struct store_view *view,
		      const struct store_filter *filter,
		      const struct mark *mark)
{
	db_bind_text(s, ":user", view->user);
	db_bind_int(s, ":now", view->now_ms);
	db_bind_int(s, ":before", filter->before ? filter->before : INT64_MAX);
	db_bind_int(s, ":through", mark->through);
	if (!filter->unread)
		db_bind_int(s, ":through_at", mark->at);
}

int store_list(struct db *db, const struct store_view *view,
	       const struct store_filter *filter, struct store_reader *reader,
	       struct err *err)
{
	struct db_stmt *s = NULL;
	struct notification n;
	struct mark mark;
	struct buf types;
	int result = -1;

	buf_init(&types, filter->types.len + 2);
	if (read_mark(db, view->user, &mark, err) < 0 ||
	    db_query(db, filter->unread ? DB_STORE_LIST_UNREAD : DB_STORE_LIST,
		     &s, err) < 0)
		goto out;
	bind_list(s, view, filter, &mark);
	if (filter->types.data) {
		put_types(&types, filter->types);
		db_bind_text(s, ":types", buf_span(&types));
	}
	while ((result = db_step(s, err)) > 0) {
		notification_from_row(&n, s, 0);
		result = reader->each(reader, &n, err);
		if (result != 0)
			break;
	}
	if (result > 0)
		result = 0;
out:
	db_reset(s);
	buf_fini(&types);
	return result;
}

int store_get(struct db *db, const struct store_view *view, int64_t id,
	      struct store_row *out, struct err *err)
{
	struct store_row row = {.mine = false};
	int found;

	if (db_query(db, DB_STORE_GET, &row.stmt, err) < 0)
		return -1;
	db_bind_text(row.stmt, ":user", view->user);
	db_bind_int(row.stmt, ":id", id);
	found = db_step(row.stmt, err);
	if (found <= 0)
		return found;
	notification_from_row(&row.n, row.stmt, 0);
	row.mine = db_int(row.stmt, NOTIFICATION_COLUMNS) != 0;
	row.broadcast = db_int(row.stmt, NOTIFICATION_COLUMNS + 1) != 0;
	row.expired = row.n.expires_at && row.n.expires_at <= view->now_ms;
	*out = row;
	return 1;
}

void store_row_done(struct store_row *row)
{
	db_reset(row->stmt);
	row->stmt = NULL;
}

int store_find_dedupe(struct db *db, struct span user, struct span key,
		      int64_t *id, struct err *err)
{
	struct db_stmt *s;
	int found;

	if (db_query(db, DB_STORE_FIND_DEDUPE, &s, err) < 0)
		return -1;
	db_bind_text(s, ":user", user);
	db_bind_text(s, ":key", key);
	found = db_step(s, err);
	if (found > 0)
		*id = db_int(s, 0);
	if (found >= 0)
		db_reset(s);
	return found;
}
