/*
 * db: the only door to sqlite3.
 *
 * A struct db is one connection and belongs to one thread.  Statements are
 * named in the files of sql/queries.  The build makes `enum db_query` from the
 * names (`-- name: list_page` becomes DB_LIST_PAGE), so a typing error does not
 * compile.  A statement is prepared at its first use and kept.
 *
 * No statement and no transaction stays open while a thread waits: the call
 * chain that began it ends it, with db_reset, db_commit or db_rollback.
 *
 * Errors: ERR_BUSY (locked for longer than the busy timeout), ERR_READONLY,
 * ERR_FULL, ERR_CORRUPT, ERR_CONFLICT (a constraint), ERR_INVALID (a trigger
 * refused with RAISE: its message is passed on), ERR_IO.
 */
#ifndef BELFRY_LIB_DB_H
#define BELFRY_LIB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/queries.h" /* enum db_query, DB_QUERIES */
#include "lib/buf.h"

struct db;
struct db_stmt;
struct err;

struct db_options {
	const char *path;
	bool readonly; /* else read and write */
	bool create;   /* make the file when it is missing */
	int busy_timeout_ms;
	bool synchronous_full;	/* else NORMAL */
	int cache_kib;		/* of pages; 0: SQLite's own, 2 MiB */
	bool leave_checkpoints; /* to others (db_checkpoint); else the commit
				   that makes the -wal long does it */
	bool foreign;		/* a host application's file: no schema check,
				   no WAL demanded */
};

/* Opens and sets up one connection.  Unless `create` or `foreign`: the file
 * must be there (ERR_NOT_FOUND), a database of ours with the newest schema
 * (ERR_CORRUPT), and in WAL mode (ERR_CORRUPT). */
int db_open(struct db **out, const struct db_options *options, struct err *err);
void db_close(struct db *db); /* NULL is fine */
/* Gives back what it keeps for the next time: prepared statements, pages, and
 * the parsed schema, which our triggers make 400 kB.  The next statement costs
 * 2 ms more.  Not within a transaction.  False: nothing was used since the last
 * time. */
bool db_shrink(struct db *db);
/* A number that changes when others have committed; -1: can't be had.  Needs no
 * schema. */
int64_t db_data_version(struct db *db);
/* Names the state of the database that a transaction of this connection sees:
 * another number once somebody (it, too) has committed, and one that no other
 * connection of this process has.  Never 0; costs nothing. */
int64_t db_seen_state(struct db *db);
/* For a process that has to be small: less is kept for speed.  Before anything
 * else is called. */
void db_keep_little(void);

/* Runs all migrations (sql/migrations), each of which may run twice. */
int db_migrate(struct db *db, struct err *err);
/* Schema version this program brings. */
int db_schema_version(void);

/* True when the file under the path, or the -shm beside it, is not any more the
 * one that is open: close and open anew. Two stat calls. */
bool db_moved(struct db *db);
/* Does another process hold a read mark (a writer does from before its first
 * frame until after its commit is visible)?  1, 0, or -1: unknown to this
 * SQLite.  Ask before the query; 0.25 µs. */
int db_external_reader(struct db *db);
/* How long to wait for a lock, from now on. */
void db_set_busy_timeout(struct db *db, int ms);
int64_t db_last_insert_id(struct db *db);
int db_changes(struct db *db); /* rows of the last INSERT, UPDATE, DELETE */
bool db_in_transaction(struct db *db);
/* Whether statements of this connection fire triggers; on at first.  Statements
 * are prepared anew at a change, so this is for rare ones. */
void db_set_triggers(struct db *db, bool on);

/* Pages in the -wal at the last commit of this connection, which leaves
 * checkpoints to others. */
int db_wal_pages(const struct db *db);
/* Copies pages of the -wal into the database, as far as no reader needs them
 * where they are; waits for the disk, for nobody else, and nobody for it. That
 * another one is at it is no error. */
int db_checkpoint(struct db *db, struct err *err);

/* ---- transactions: know their opener ---- */

#define db_begin_read(db, err)	db_begin_at(db, false, __FILE__, __LINE__, err)
#define db_begin_write(db, err) db_begin_at(db, true, __FILE__, __LINE__, err)
/* A write transaction takes the lock at once (BEGIN IMMEDIATE); a read
 * transaction fixes its snapshot at its first read.  Nesting is a bug: aborts,
 * naming the opener. */
int db_begin_at(struct db *db, bool write, const char *file, int line,
		struct err *err);
/* On failure the transaction is rolled back. */
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* no transaction: nothing */

/* A part of a write transaction that can be undone by itself. Not nested. */
int db_savepoint(struct db *db, struct err *err);
int db_release(struct db *db, struct err *err);
void db_rollback_to_savepoint(struct db *db);

/* ---- statements ---- */

/* The prepared statement, reset, bindings cleared.  Belongs to db. */
int db_query(struct db *db, enum db_query query, struct db_stmt **out,
	     struct err *err);
/* A statement of the user's own (session_query): one statement, read-only;
 * ERR_INVALID otherwise.  Kept by db for as long as the text pointer's content
 * is the same; freed with db. */
int db_query_text(struct db *db, const char *sql, struct db_stmt **out,
		  struct err *err);

/* name is with its colon: ":user".  A name the statement does not have is a
 * bug (aborts), except with db_query_text, where it is ignored.  Text is not
 * copied: it must live until the reset. SPAN_NONE binds NULL. */
void db_bind_int(struct db_stmt *s, const char *name, int64_t value);
void db_bind_text(struct db_stmt *s, const char *name, struct span value);
void db_bind_blob(struct db_stmt *s, const char *name, struct span value);

/* 1: a row, 0: done (and reset), -1: error (and reset). */
int db_step(struct db_stmt *s, struct err *err);
/* Runs to the end, rows ignored: 0 or -1. */
int db_run(struct db_stmt *s, struct err *err);
void db_reset(struct db_stmt *s); /* NULL is fine */

/* Columns by position; text is valid until the next step or reset.  NULL gives
 * 0 or SPAN_NONE. */
int64_t db_int(struct db_stmt *s, int column);
struct span db_text(struct db_stmt *s, int column);
bool db_is_null(struct db_stmt *s, int column);

/* Runs statements without results (pragmas, scripts): 0 or -1. */
int db_exec(struct db *db, const char *sql, struct err *err);

#endif
