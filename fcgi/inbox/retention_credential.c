/*
 * retention_credential: sessions and tokens that have expired.
 *
 * They stay for a day, for whoever wonders why he was signed out, or prolongs
 * one that has just run out.  Then nobody need be told that they end: triggers
 * are off, so the journal gets no row for them.
 */
#include "inbox/internal.h"
#include "lib/db.h"
#include "lib/err.h"

#define GRACE_MS (INT64_C(24) * 3600 * 1000)

static const struct table {
	enum db_query count, remove;
} tables[] = {
    {DB_RETENTION_COUNT_SESSIONS, DB_RETENTION_DELETE_SESSIONS},
    {DB_RETENTION_COUNT_TOKENS, DB_RETENTION_DELETE_TOKENS},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static int prepare(struct db *db, enum db_query query,
		   const struct retention_step *step, int64_t limit,
		   struct db_stmt **out, struct err *err)
{
	if (db_query(db, query, out, err) < 0)
		return -1;
	db_bind_int(*out, ":before", step->now_ms - GRACE_MS);
	db_bind_int(*out, ":limit", limit);
	return 0;
}

static int count(struct db *db, const struct table *table, int64_t limit,
		 const struct retention_step *step, struct err *err)
{
	struct db_stmt *s;
	int n;

	if (prepare(db, table->count, step, limit, &s, err) < 0 ||
	    db_step(s, err) < 0)
		return -1;
	n = (int)db_int(s, 0);
	db_reset(s);
	return n;
}

static int remove_some(struct db *db, const struct table *table,
		       const struct retention_step *step, struct err *err)
{
	struct db_stmt *s;
	int n;

	if (prepare(db, table->remove, step, RETENTION_BATCH, &s, err) < 0 ||
	    db_begin_write(db, err) < 0)
		return -1;
	db_set_triggers(db, false);
	n = db_run(s, err) < 0 ? -1 : db_changes(db);
	db_set_triggers(db, true);
	if (n < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err) < 0 ? -1 : n;
}

int retention_step_credentials(struct db *db, struct retention_step *step,
			       struct err *err)
{
	for (size_t i = 0; i < TABLES; i++) {
		int64_t limit = step->dry_run ? -1 : 1;
		int n = count(db, &tables[i], limit, step, err);

		if (n > 0 && !step->dry_run)
			n = remove_some(db, &tables[i], step, err);
		if (n < 0)
			return -1;
		step->removed[RETENTION_CREDENTIALS] += n;
		if (n > 0 && !step->dry_run)
			return 1;
	}
	return 0;
}
