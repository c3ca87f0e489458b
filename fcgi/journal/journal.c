/*
 * journal: wake-up -> rows in order.
 *
 * A commit in WAL mode is written to the -wal file, which inotify tells of, and
 * only then made visible through shared memory, which nothing tells of.  So
 * after a wake-up the question "is a writer between the two?" is asked FIRST
 * (db_external_reader) and the rows are read SECOND: a writer that was not
 * seen by the question has become visible to the read.  If one was seen, the
 * read is repeated soon.  In the other order a commit between read and question
 * would be lost until the tick.
 *
 * Wake-ups of one turn are gathered and lead to one read, in the turn's hook.
 * Each read starts at the anchor, the last row seen, which must be there
 * unchanged; otherwise history was rewritten (see journal/epoch.c).
 *
 * All this is done by one process of those that follow a journal, the watcher:
 * a hundred that do it cost a core and a half, and each one's read looks to the
 * others like a writer between the two.  When the watcher has read a page it
 * wakes those whom the rows concern, and they read it too, as it is visible by
 * then.  They trust it for speed only: each reads once per tick by itself, and
 * is the next watcher if the lock is free.
 */
#include "journal/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/internal.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"

#define RECHECK_MIN_NS	  15000
#define RECHECK_MAX_NS	  50000000
#define RECHECK_SERIES_NS 300000000 /* where SQLite can't answer */
#define AT_COLUMN	  (JOURNAL_NONCE_COLUMN + 1 + NOTIFICATION_COLUMNS)

/* Rows were found: by what?  A row that a tick found while an inotify event
 * for it was about to be heard was found by inotify.  The event may have been
 * of yet another commit, so it leads to a read of its own all the same. */
static void count_rows(struct journal *j, uint64_t rows)
{
	if (rows && j->cause == JOURNAL_BY_TICK && journal_is_heard(j) &&
	    journal_take_watch(j)) {
		j->cause = JOURNAL_BY_INOTIFY;
		j->due = true;
		loop_again(j->loop);
	}
	j->found[j->cause] += rows;
}

static void add_to_crowd(struct journal *j, struct span user)
{
	if (span_equal_text(user, NOTIFICATION_EVERYONE))
		j->wake_all = true;
	else
		registry_crowd_add(&j->crowd, user);
}

/* What was read is visible to all: first the others, as our own streams may
 * take long. */
static void wake_others(struct journal *j)
{
	if ((j->crowd.anybody || j->wake_all) && j->watcher &&
	    registry_has_others(j->registry)) {
		j->crowd.everybody = j->wake_all;
		registry_wake(j->registry, &j->crowd);
	}
	memset(&j->crowd, 0, sizeof(j->crowd));
	j->wake_all = false;
}

static void take_anchor(struct journal *j, struct db_stmt *s)
{
	j->position = db_int(s, 0);
	j->nonce = db_int(s, JOURNAL_NONCE_COLUMN);
}

/* Steps over the rows of one page. Returns 1: more may follow, 0: this was the
 * end, -1. */
static int read_rows(struct journal *j, struct db_stmt *s, struct err *err)
{
	bool tell = j->watcher && registry_has_others(j->registry);
	struct journal_row row;
	uint64_t rows = 0;
	int rc;

	memset(&j->crowd, 0, sizeof(j->crowd));
	while ((rc = db_step(s, err)) > 0) {
		take_anchor(j, s);
		rows++;
		if (tell)
			add_to_crowd(j, db_text(s, 1));
		if (j->sink->wants(j->sink, db_text(s, 1)))
			journal_row_from(&row, s);
		else
			journal_row_head_from(&row, s);
		row.at = db_int(s, AT_COLUMN);
		if (row.action == JOURNAL_EPOCH)
			j->foreign_epoch = j->wake_all = true;
		if (!j->sink->row(j->sink, &row) || j->foreign_epoch ||
		    rows == JOURNAL_PAGE_ROWS)
			break;
	}
	db_reset(s);
	count_rows(j, rows);
	if (!rows)
		return rc;
	/* The mark comes before anybody is given these ids. */
	journal_head_store(j->head, j->epoch, j->position, j->nonce);
	j->sink->page_rows_end(j->sink, j->db);
	return rc;
}

/* Within a read transaction. */
static int read_snapshot(struct journal *j, struct err *err)
{
	struct db_stmt *s;
	int rc;

	if (db_query(j->db, DB_JOURNAL_PAGE, &s, err) < 0)
		return -1;
	db_bind_int(s, ":last", j->position);
	db_bind_int(s, ":limit", JOURNAL_PAGE_ROWS + 1);
	db_bind_int(s, ":now", clock_wall_ms());
	if (j->position == 0)
		return read_rows(j, s, err);
	rc = db_step(s, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || db_int(s, 0) != j->position ||
	    db_int(s, JOURNAL_NONCE_COLUMN) != j->nonce) {
		db_reset(s);
		j->rewritten = true;
		return 0;
	}
	return read_rows(j, s, err);
}

static int read_page(struct journal *j, struct err *err)
{
	int64_t before;
	int rc;

	if (j->rewritten && journal_start_over(j, err) < 0)
		return -1;
	if (db_begin_read(j->db, err) < 0)
		return -1;
	before = j->position;
	rc = read_snapshot(j, err);
	db_rollback(j->db); /* read only: the cheap way to end it */
	wake_others(j);
	if (j->position != before)
		j->sink->page_end(j->sink, j->position);
	if (rc < 0)
		return -1;
	if (j->rewritten)
		return journal_start_over(j, err) < 0 ? -1 : 1;
	if (j->foreign_epoch && journal_take_epoch(j, err) == 0) {
		j->foreign_epoch = false;
		j->sink->rewritten(j->sink, j->position);
	}
	return rc;
}

/* It was read: if it was not usable before, it is now. */
static void note_usable(struct journal *j)
{
	if (!j->backoff_ns)
		return;
	log_info("database-usable", "position=%" PRId64, j->position);
	j->complaint[0] = '\0';
	j->backoff_ns = 0;
	j->sink->usable(j->sink, true);
}

/* What was committed before the question was asked has been read, and whom it
 * concerns was woken. */
static void vouch(struct journal *j, int64_t asked_ns)
{
	if (j->watcher && j->head)
		journal_head_set_read_ns(j->head, asked_ns);
}

static void schedule_recheck(struct journal *j, int external, bool busy)
{
	int64_t now = clock_mono_ns(), elapsed = now - j->woken_ns;
	int64_t wait = elapsed / 4;

	loop_timer_stop(j->loop, &j->recheck);
	if (!busy &&
	    (external == 0 || (external < 0 && elapsed > RECHECK_SERIES_NS)))
		return;
	if (wait < RECHECK_MIN_NS)
		wait = RECHECK_MIN_NS;
	if (wait > RECHECK_MAX_NS)
		wait = RECHECK_MAX_NS;
	loop_timer_set(j->loop, &j->recheck, now + wait);
}

/* The turn's read: at most one page. */
static void run(struct loop_hook *hook)
{
	struct journal *j = CONTAINER_OF(hook, struct journal, hook);
	struct err err = {ERR_OK, ""};
	int64_t asked_ns = clock_mono_ns();
	int external, rc;

	if (!j->due || !j->db)
		return;
	j->due = j->small = false;
	if (j->check_identity) {
		j->check_identity = false;
		if (db_moved(j->db)) {
			err_set(&err, ERR_NOT_FOUND,
				"%s: replaced or removed while in use",
				j->path);
			journal_unusable(j, &err);
			return;
		}
		journal_try_watch(j);
	}
	/* What the watcher saw, and what we committed, is visible. */
	external = j->watcher ? db_external_reader(j->db) : 0;
	rc = read_page(j, &err);
	if (rc >= 0)
		note_usable(j);
	if (rc > 0) {
		j->due = true;
		loop_again(j->loop);
		return;
	}
	if (rc < 0 && err.code != ERR_BUSY) {
		journal_unusable(j, &err);
		return;
	}
	if (rc == 0 && external == 0)
		vouch(j, asked_ns);
	schedule_recheck(j, external, rc < 0);
}

/* ---- life ---- */

struct journal *journal_new(struct loop *loop,
			    const struct journal_options *options,
			    struct journal_sink *sink)
{
	struct journal *j = mem_new(sizeof(*j));

	j->loop = loop;
	j->name = mem_strdup(options->database);
	j->synchronous_full = options->synchronous_full;
	j->registry = options->registry;
	j->sink = sink;
	journal_wake_init(j);
	j->hook.run = run;
	loop_add_hook(loop, &j->hook);
	return j;
}

void journal_follow(struct journal *j)
{
	if (j->following)
		return;
	j->following = true;
	loop_timer_set(j->loop, &j->tick, loop_now_ns(j->loop) + 1);
	journal_open_database(j);
}

void journal_close(struct journal *j)
{
	bool was_watcher;

	if (!j)
		return;
	was_watcher = j->watcher;
	loop_timer_stop(j->loop, &j->tick);
	loop_timer_stop(j->loop, &j->recheck);
	loop_timer_stop(j->loop, &j->hush);
	loop_timer_stop(j->loop, &j->reopen);
	loop_remove_hook(j->loop, &j->hook);
	db_close(j->db);
	db_close(j->spare);
	journal_close_head(j);
	if (was_watcher) /* somebody who need not wait for the tick */
		registry_wake_heir(j->registry);
	free(j->name);
	free(j->path);
	free(j);
}

int64_t journal_position(const struct journal *j)
{
	return j->settled ? j->position : JOURNAL_NOWHERE;
}

struct db *journal_db(struct journal *j)
{
	return j->db;
}

bool journal_shrink(struct journal *j)
{
	if (!j->db || j->watcher || j->due || !db_shrink(j->db))
		return false;
	j->small = true;
	/* What came since the last read is found at the next tick. */
	j->version = -1;
	j->unsure_ns = 0;
	return true;
}

struct db *journal_lend(struct journal *j)
{
	struct db *db = j->db ? j->db : j->spare;

	j->lent = j->db != NULL;
	j->db = j->spare = NULL;
	return db;
}

void journal_return(struct journal *j, struct db *db, bool same)
{
	if (same && j->lent) {
		db_set_busy_timeout(db, 0);
		j->db = db;
		return;
	}
	j->spare = db;
	/* Ours is gone: the new one is settled first. */
	if (j->lent)
		loop_timer_set(j->loop, &j->reopen, clock_mono_ns());
}

bool journal_is_watcher(const struct journal *j)
{
	return j->db && j->watcher;
}

uint64_t journal_found(const struct journal *j, enum journal_cause cause)
{
	return j->found[cause];
}
