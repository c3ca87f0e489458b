/*
 * store_write: writing.
 *
 * Everything goes through the tables that any SQL program may write, with
 * plain statements: the triggers make the journal and enforce the rules, here
 * as there.  What the statements would leave as it is, is not written.
 */
#include "inbox/store.h"
#include "lib/db.h"
#include "lib/err.h"

static int run_on(struct db *db, enum db_query query,
		  const struct store_view *view, int64_t id, struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, query, &s, err) < 0)
		return -1;
	db_bind_text(s, ":user", view->user);
	db_bind_int(s, ":id", id);
	if (query != DB_STORE_UNREAD_ROW && query != DB_STORE_UNREAD_RECEIPT)
		db_bind_int(s, ":now", view->now_ms);
	return db_run(s, err);
}

static void bind_fields(struct db_stmt *s, const struct notification_input *in)
{
	db_bind_text(s, ":user", in->user_id);
	db_bind_text(s, ":type", in->type);
	db_bind_text(s, ":title", in->title);
	db_bind_text(s, ":body", in->body);
	db_bind_text(s, ":data", in->data);
	db_bind_text(s, ":link", in->link);
	if (in->has & NOTIFICATION_HAS_PRIORITY)
		db_bind_int(s, ":priority", in->priority);
	if (in->expires_at)
		db_bind_int(s, ":expires_at", in->expires_at);
	db_bind_text(s, ":dedupe_key", in->dedupe_key);
}

static int insert(struct db *db, const struct notification_input *in,
		  struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, DB_STORE_INSERT, &s, err) < 0)
		return -1;
	bind_fields(s, in);
	return db_run(s, err);
}

/* The row that holds the key: *expired when it is only waiting to be swept. */
static int key_holder(struct db *db, const struct notification_input *in,
		      int64_t now_ms, int64_t *id, struct err *err)
{
	struct store_view view = {in->user_id, now_ms};
	struct store_row row;
	int found;

	found = store_find_dedupe(db, in->user_id, in->dedupe_key, id, err);
	if (found == 0)
		return err_set(err, ERR_INTERNAL,
			       "the database dropped a notification whose "
			       "dedupeKey is not taken");
	if (found < 0 || store_get(db, &view, *id, &row, err) < 0)
		return -1;
	store_row_done(&row);
	return row.expired;
}

int store_create(struct db *db, const struct notification_input *in,
		 int64_t now_ms, int64_t *id, bool *created, struct err *err)
{
	int64_t holder;
	int expired;

	if (insert(db, in, err) < 0)
		return -1;
	if (db_changes(db) == 0) {
		expired = key_holder(db, in, now_ms, &holder, err);
		if (expired < 0)
			return -1;
		if (!expired) {
			*id = holder;
			*created = false;
			return 0;
		}
		/* Nobody sees it any more: it must not stand in the way. */
		if (store_delete(db, holder, err) < 0 ||
		    insert(db, in, err) < 0)
			return -1;
	}
	*id = db_last_insert_id(db);
	*created = true;
	return 0;
}

int store_update(struct db *db, int64_t id, const struct notification_input *in,
		 struct err *err)
{
	static const struct {
		const char *name;
		unsigned bit;
	} fields[] = {
	    {":has_user", NOTIFICATION_HAS_USER},
	    {":has_type", NOTIFICATION_HAS_TYPE},
	    {":has_title", NOTIFICATION_HAS_TITLE},
	    {":has_body", NOTIFICATION_HAS_BODY},
	    {":has_data", NOTIFICATION_HAS_DATA},
	    {":has_link", NOTIFICATION_HAS_LINK},
	    {":has_priority", NOTIFICATION_HAS_PRIORITY},
	    {":has_expires", NOTIFICATION_HAS_EXPIRES},
	    {":has_dedupe", NOTIFICATION_HAS_DEDUPE},
	};
	struct db_stmt *s;

	if (db_query(db, DB_STORE_UPDATE, &s, err) < 0)
		return -1;
	bind_fields(s, in);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		db_bind_int(s, fields[i].name, (in->has & fields[i].bit) != 0);
	db_bind_int(s, ":id", id);
	return db_run(s, err);
}

int store_set_read(struct db *db, const struct store_view *view,
		   const struct store_target *target, bool read,
		   struct err *err)
{
	enum db_query query;

	if (target->broadcast)
		query = read ? DB_STORE_READ_RECEIPT : DB_STORE_UNREAD_RECEIPT;
	else
		query = read ? DB_STORE_READ_ROW : DB_STORE_UNREAD_ROW;
	return run_on(db, query, view, target->id, err);
}

int store_hide(struct db *db, const struct store_view *view, int64_t id,
	       struct err *err)
{
	return run_on(db, DB_STORE_HIDE, view, id, err);
}

int store_delete(struct db *db, int64_t id, struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, DB_STORE_DELETE, &s, err) < 0)
		return -1;
	db_bind_int(s, ":id", id);
	return db_run(s, err);
}

/* ---- mark all read ---- */

static int run_through(struct db *db, enum db_query query,
		       const struct store_view *view, int64_t through,
		       struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, query, &s, err) < 0)
		return -1;
	db_bind_text(s, ":user", view->user);
	db_bind_int(s, ":new_through", through);
	db_bind_int(s, ":now", view->now_ms);
	if (db_run(s, err) < 0)
		return -1;
	return db_changes(db);
}

int store_read_all(struct db *db, const struct store_view *view,
		   int64_t through, bool *changed, struct err *err)
{
	struct db_stmt *s;
	int64_t last;
	int n, rows, receipts;

	if (db_query(db, DB_STORE_LAST_NOTIFICATION, &s, err) < 0 ||
	    db_step(s, err) < 0)
		return -1;
	last = db_int(s, 0);
	db_reset(s);
	if (through > last)
		through = last;
	if (through < 1) {
		*changed = false;
		return 0;
	}
	/* The watermark takes along what was made unread again below it, if it
	 * gets that far; an id below it does not, and those get their own
	 * events. */
	n = run_through(db, DB_STORE_RAISE_MARK, view, through, err);
	if (n < 0)
		return -1;
	rows = run_through(db, DB_STORE_REREAD_ROWS, view, through, err);
	if (rows < 0)
		return -1;
	receipts =
	    run_through(db, DB_STORE_REREAD_RECEIPTS, view, through, err);
	if (receipts < 0)
		return -1;
	*changed = n + rows + receipts > 0;
	return 0;
}
