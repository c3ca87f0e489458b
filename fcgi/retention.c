/*
 * retention: list, count and replay go by the clock; the rows themselves go
 * here, soon after, so that clients are told.
 */
#include "retention.h"

#include "lib/db.h"
#include "lib/err.h"

bool retention_due(struct db *db, int64_t now_ms)
{
	struct db_stmt *s;
	bool due = false;

	if (db_query(db, DB_NEXT_EXPIRY, &s, NULL) < 0)
		return false;
	if (db_step(s, NULL) > 0)
		due = !db_is_null(s, 0) && db_int(s, 0) <= now_ms;
	db_reset(s);
	return due;
}

int retention_expire(struct db *db, int64_t now_ms, int limit, struct err *err)
{
	struct db_stmt *s;
	int changes;

	if (db_query(db, DB_EXPIRE_DUE, &s, err) < 0 ||
	    db_begin_write(db, err) < 0)
		return -1;
	db_bind_int(s, ":now", now_ms);
	db_bind_int(s, ":limit", limit);
	if (db_run(s, err) < 0) {
		db_rollback(db);
		return -1;
	}
	changes = db_changes(db);
	return db_commit(db, err) < 0 ? -1 : changes;
}
