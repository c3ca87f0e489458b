/*
 * journal: the tail of the table `events`: wake-up -> rows in order.
 *
 * docs/architecture.md, "The wake-up, exactly", is the proof that nothing is
 * missed.  Lives in a loop's thread; never waits for a lock.
 */
#ifndef BELFRY_JOURNAL_H
#define BELFRY_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/notification.h"
#include "lib/buf.h"

struct db;
struct db_stmt;
struct err;
struct journal;
struct loop;
struct registry;

#define JOURNAL_PAGE_ROWS   500
#define JOURNAL_EPOCH_BYTES 64

enum journal_action {
	JOURNAL_CREATED,
	JOURNAL_UPDATED,
	JOURNAL_READ,
	JOURNAL_UNREAD,
	JOURNAL_DELETED,
	JOURNAL_ALL_READ,
	/* control rows, which no client sees */
	JOURNAL_SESSION_ENDED,
	JOURNAL_TOKEN_ENDED,
	JOURNAL_EPOCH,
	JOURNAL_UNKNOWN /* of a newer schema: passed over */
};
const char *journal_action_name(enum journal_action action);
enum journal_action journal_action_of(struct span name);

/* By what a row was found. */
enum journal_cause {
	JOURNAL_BY_INOTIFY,
	JOURNAL_BY_RECHECK,
	JOURNAL_BY_TICK,
	JOURNAL_BY_OWN,
	JOURNAL_BY_WATCHER, /* another process, which watches for us */
	JOURNAL_CAUSES
};

/* One row, valid during the callback. */
struct journal_row {
	int64_t id;
	struct span user_id;
	enum journal_action action;
	int64_t at;		 /* when, Unix ms; of the tail only */
	int64_t notification_id; /* all-read: the watermark; *-ended: the
				    session or token */
	bool has_notification; /* created and updated: it is still there, still
				  that user's, and not expired */
	struct notification notification;
};
/* Columns of the queries that return journal rows: id, user_id, action,
 * notification_id, nonce, then NOTIFICATION_COLUMNS (all NULL: none). */
void journal_row_from(struct journal_row *row, struct db_stmt *stmt);
/* The same without the notification, which may be long, and be read for nobody.
 */
void journal_row_head_from(struct journal_row *row, struct db_stmt *stmt);
#define JOURNAL_NONCE_COLUMN 4

enum journal_reset {
	JOURNAL_RESET_EXPIRED,
	JOURNAL_RESET_UNKNOWN,
	JOURNAL_RESET_INVALID,
	JOURNAL_RESET_EPOCH,
	JOURNAL_RESET_REWRITTEN
};
const char *journal_reset_name(enum journal_reset reason);

/* Who listens.  A page is its rows, then page_rows_end, all within one read
 * transaction, and then page_end, outside of it: what takes long (writing to
 * streams) must not hold a snapshot, or no checkpoint of anybody gets through.
 */
struct journal_sink {
	/* Does anybody listen to this user?  Asked once for each row, just
	 * before the row. */
	bool (*wants)(struct journal_sink *sink, struct span user_id);
	/* A row; without its notification where nobody wants it.
	 * false: the page is full; the row is taken, the next page follows */
	bool (*row)(struct journal_sink *sink, const struct journal_row *row);
	/* The last moment to read what belongs to these rows. */
	void (*page_rows_end)(struct journal_sink *sink, struct db *db);
	/* Also without rows, to tell where the journal stands. */
	void (*page_end)(struct journal_sink *sink, int64_t position);
	/* The database can't be read, and not only for a moment; or can again.
	 */
	void (*usable)(struct journal_sink *sink, bool usable);
	/* History is not what it was: every stream starts over at `position`.
	 */
	void (*rewritten)(struct journal_sink *sink, int64_t position);
};

struct journal_options {
	const char *database; /* its path */
	bool synchronous_full;
	struct registry *registry; /* other processes */
};

struct journal *journal_new(struct loop *loop,
			    const struct journal_options *options,
			    struct journal_sink *sink);
/* Opens the database, settles epoch and head file, and stands at the journal's
 * end; from then on its rows come.  A database that can't be used is no
 * failure: it is logged once and tried again until it can.  Twice is fine. */
void journal_follow(struct journal *j);
void journal_close(struct journal *j); /* NULL is fine */

/* The last row that was read; JOURNAL_NOWHERE before the first opening, when 0
 * would be taken for a cursor. */
#define JOURNAL_NOWHERE INT64_C(-1)
int64_t journal_position(const struct journal *j);
/* The connection, for reads between turns; NULL while the database can't be
 * used. */
struct db *journal_db(struct journal *j);
/* Lends it to somebody else of this thread, within a turn and between reads;
 * NULL where it has none.  What comes back, and is kept, need not be the same:
 * closed (NULL), or opened by who borrowed it. */
struct db *journal_lend(struct journal *j);
void journal_return(struct journal *j, struct db *db, bool same);
/* Gives back memory (db_shrink), unless this process is the watcher.  After
 * that it reads at a tick only if there is something to read, and nobody
 * vouches that none of it concerns us.  False: there was nothing to give. */
bool journal_shrink(struct journal *j);
/* One of our own threads committed. */
void journal_own_commit(struct journal *j);
/* One of our own threads is at work on a commit: for the moment that this
 * takes, or until it says that it is done, nobody need tell that something is
 * written.
 */
void journal_hush(struct journal *j);
void journal_listen(struct journal *j); /* … it is done */
/* The process that watches says that there is something for us.  `late`: it was
 * only a tick that has shown it. */
void journal_woken(struct journal *j, bool late);
/* Processes did not see each other for a while: this one reads by itself, and
 * wakes the others if it watches for all. */
void journal_missed(struct journal *j);
/* This process is the one that watches (and keeps house) for all. */
bool journal_is_watcher(const struct journal *j);
/* Rows found so far, by cause. */
uint64_t journal_found(const struct journal *j, enum journal_cause cause);

#endif
