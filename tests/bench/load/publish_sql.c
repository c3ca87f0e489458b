/*
 * publish_sql: a program that writes SQLite, as any might: one prepared INSERT,
 * one transaction per batch.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "options.h"
#include "publisher.h"

#define BUSY_MS 20000

static void wait_until(struct publisher *p, int64_t due_ns)
{
	struct timespec due = {due_ns / 1000000000, due_ns % 1000000000};
	int64_t late;

	if (!due_ns)
		return;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) ==
	       EINTR)
		;
	late = clock_ns() - due_ns;
	if (late > p->late_ns)
		p->late_ns = late;
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int insert(struct publisher *p, sqlite3_stmt *statement, uint64_t n)
{
	char name[24];
	int rc;

	sqlite3_bind_text(statement, 1, publisher_user(p, n, name), -1,
			  SQLITE_TRANSIENT);
	sqlite3_bind_text(statement, 2, publisher_payload(p, n), -1,
			  SQLITE_STATIC);
	rc = sqlite3_step(statement);
	sqlite3_reset(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* With a batch of 1 the INSERT is its own transaction, as it is for most. */
static int commit_some(struct publisher *p, sqlite3 *db,
		       sqlite3_stmt *statement, uint64_t n, uint64_t count)
{
	int rc = SQLITE_OK;

	if (p->options->batch > 1)
		rc = run(db, "BEGIN IMMEDIATE");
	for (uint64_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = insert(p, statement, n + i);
	if (p->options->batch > 1 && rc == SQLITE_OK)
		rc = run(db, "COMMIT");
	if (rc != SQLITE_OK) {
		publisher_failed(p, count, sqlite3_errmsg(db));
		if (!sqlite3_get_autocommit(db))
			run(db, "ROLLBACK");
		return rc;
	}
	publisher_answered(p, n, count);
	return rc;
}

void publish_sql(struct publisher *p)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	uint64_t count;

	if (sqlite3_open_v2(p->options->database, &db, SQLITE_OPEN_READWRITE,
			    NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK ||
	    run(db, "PRAGMA synchronous = NORMAL") != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
			       "INSERT INTO notifications(user_id, title, data)"
			       " VALUES (?1, 'bench', ?2)",
			       -1, &statement, NULL) != SQLITE_OK) {
		publisher_failed(p, p->end - p->first, sqlite3_errmsg(db));
		goto out;
	}
	/* Opening took its time: the pace begins now. */
	p->started_ns = clock_ns();
	for (uint64_t n = p->first; n < p->end && !atomic_load(&p->stop);
	     n += count) {
		count = p->end - n < p->options->batch ? p->end - n
						       : p->options->batch;
		wait_until(p, publisher_due_ns(p, n));
		commit_some(p, db, statement, n, count);
	}
out:
	sqlite3_finalize(statement);
	sqlite3_close(db);
}
