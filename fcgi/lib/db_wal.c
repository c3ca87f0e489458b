/*
 * The -wal: how long it is, checkpoints, and whether another process reads it.
 */
#include <sqlite3.h>

#include "lib/db_internal.h"

/* In place of SQLite's own, which would make a checkpoint. */
static int note_pages(void *context, sqlite3 *handle, const char *name,
		      int pages)
{
	struct db *db = context;

	(void)handle;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

void db_wal_leave_checkpoints(struct db *db)
{
	sqlite3_wal_hook(db->handle, note_pages, db);
}

int db_wal_pages(const struct db *db)
{
	return db->wal_pages;
}

int db_checkpoint(struct db *db, struct err *err)
{
	int rc = sqlite3_wal_checkpoint_v2(
	    db->handle, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		return db_fail(db, rc, "checkpoint", err);
	return 0;
}

int db_external_reader(struct db *db)
{
#ifdef SQLITE_FCNTL_EXTERNAL_READER
	int reading = 0;

	if (sqlite3_file_control(db->handle, "main",
				 SQLITE_FCNTL_EXTERNAL_READER,
				 &reading) == SQLITE_OK)
		return reading;
#else
	(void)db;
#endif
	return -1;
}
