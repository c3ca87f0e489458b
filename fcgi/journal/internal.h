/*
 * internal: what the journal_*.c share.
 */
#ifndef BELFRY_JOURNAL_INTERNAL_H
#define BELFRY_JOURNAL_INTERNAL_H

#include "journal/head.h"
#include "journal/journal.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "shared/registry.h"

struct db;
struct dirwatch;

struct journal {
	struct loop *loop;
	char *name; /* as configured */
	char *path; /* the same, links resolved: -wal lies beside it */
	bool synchronous_full;
	struct journal_sink *sink;
	struct registry *registry;
	struct db *db;	  /* NULL: can't be used now */
	struct db *spare; /* opened by who borrowed it: to be used next */
	bool lent;	  /* `db`, and not the spare one */
	bool small;	  /* its memory was given back: to read costs more */
	int64_t version, unsure_ns; /* while small: see is_told */
	struct journal_head *head;
	struct dirwatch *watch; /* NULL: another process's, or polling */
	struct loop_io watch_io;
	struct loop_timer tick, recheck, reopen;
	struct loop_timer hush; /* the watch is not looked at until then */
	struct loop_hook hook;

	int64_t position, nonce; /* the anchor; 0: empty journal */
	char epoch[JOURNAL_HEAD_TEXT_BYTES];
	bool settled; /* position means something */
	bool following;
	bool watcher; /* we hold the head file's lock: we watch for all */
	bool blind;   /* inotify does not tell of everything */

	bool due; /* read in this turn's hook … */
	enum journal_cause cause;
	int64_t woken_ns;
	bool check_identity; /* … and look first whether it is our file */
	bool rewritten;	     /* start over before the next read */
	bool foreign_epoch;  /* another process has started over */
	struct registry_crowd crowd; /* whom this page concerns … */
	bool wake_all;		     /* … or everybody, when it is read */

	int64_t backoff_ns;
	char complaint[ERR_MESSAGE_BYTES]; /* what was logged last */
	uint64_t found[JOURNAL_CAUSES];
};

/* ---- journal/epoch.c ---- */

/* After opening: is this the database whose rows were handed out?  If not, a
 * new epoch begins. */
int journal_settle(struct journal *j, struct err *err);
/* History is not what it was: new epoch (or only a new place, where merely
 * pruned), and the sink is told.  ERR_BUSY: again later. */
int journal_start_over(struct journal *j, struct err *err);
/* Another process has started over, in a row that was just read. */
int journal_take_epoch(struct journal *j, struct err *err);
/* The head file remembers where we stand, unless it knows better. */
void journal_write_mark(struct journal *j);

/* How often a read looks whether there is something that nothing told of, where
 * inotify does not tell of everything. */
#define TICK_BLIND_MS 200

/* ---- journal/open.c ---- */

/* Opens the database, takes its journal's end for where we stand, and reads
 * soon; a failure is journal_unusable. */
void journal_open_database(struct journal *j);
int journal_open_head(struct journal *j, struct err *err);
void journal_close_head(struct journal *j); /* and with it the lock */
/* Becomes the watcher if nobody is: opens the watch, before the next read. */
void journal_try_watch(struct journal *j);
/* Closes the database, says why (once), and tries again later. */
void journal_unusable(struct journal *j, const struct err *why);

/* ---- journal/wake.c ---- */

void journal_wake_init(struct journal *j);
/* This turn reads. */
void journal_wake(struct journal *j, enum journal_cause cause);
/* Takes what inotify has to tell: true when something was written. */
bool journal_take_watch(struct journal *j);
/* Not hushed, or not for longer than a moment. */
bool journal_is_heard(const struct journal *j);

#endif
