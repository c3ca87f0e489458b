/*
 * SQLite's codes become ours here, and nowhere else.
 */
#include <errno.h>
#include <sqlite3.h>

#include "lib/db_internal.h"
#include "lib/err.h"

enum err_code db_code_of(int rc)
{
	if (rc == SQLITE_CONSTRAINT_TRIGGER)
		return ERR_INVALID;
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return ERR_BUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return ERR_READONLY;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* no such table: not a database of ours */
		return ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return ERR_CONFLICT;
	case SQLITE_TOOBIG:
		return ERR_TOO_LARGE;
	default:
		return ERR_IO;
	}
}

int db_fail(struct db *db, int rc, const char *what, struct err *err)
{
	enum err_code code;
	const char *text;

	code = db_code_of(rc);
	text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);
	if (code == ERR_INVALID) /* a trigger's own words are enough */
		return err_set(err, code, "%s", text);
	if ((rc & 0xff) == SQLITE_IOERR && db->handle &&
	    sqlite3_system_errno(db->handle) == ENOSPC)
		code = ERR_FULL;
	return err_set(err, code, "%s: %s", what, text);
}
