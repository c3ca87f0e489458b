/*
 * db_internal: what the files of db share: db_error.c, db_shm.c, db_wal.c,
 * db_stmt.c (transactions and statements) and db.c (connections).  Each uses
 * only those before it.
 */
#ifndef BELFRY_LIB_DB_INTERNAL_H
#define BELFRY_LIB_DB_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/db.h"
#include "lib/err.h"

struct db_stmt {
	struct db *db;
	sqlite3_stmt *stmt;
	const char *name;     /* for messages */
	char *text;	      /* db_query_text: its source; else NULL */
	struct db_stmt *next; /* db_query_text: the next one kept */
};

/* The -shm that a connection has (db_shm.c). */
struct db_shm {
	char *path; /* NULL: a database that is not ours */
	dev_t file_device;
	ino_t file_inode, inode; /* of the database, of the -shm */
	struct db_shm *prev, *next;
};

struct db {
	sqlite3 *handle;
	struct db_shm shm;
	struct db_stmt named[DB_QUERIES];
	struct db_stmt *texts;
	sqlite3_stmt *data_version;
	unsigned serial;	 /* of this process's connections, from 1 */
	bool used;		 /* statements were prepared */
	int wal_pages;		 /* at the last commit */
	const char *opener_file; /* NULL: no transaction */
	int opener_line;
};

/* db_error.c */
enum err_code db_code_of(int rc);
/* Fills *err from the connection's last error; -1. */
int db_fail(struct db *db, int rc, const char *what, struct err *err);

/* No commit of this connection makes a checkpoint. */
void db_wal_leave_checkpoints(struct db *db);

/* Before the connection is opened; when it has read something; after it was
 * closed (fine without the others). */
void db_shm_begin(struct db_shm *shm, const char *database);
void db_shm_opened(struct db_shm *shm);
void db_shm_end(struct db_shm *shm);
bool db_shm_moved(const struct db_shm *shm);

#endif
