/*
 * One connection: opening, setting up, migrating, closing.
 *
 * What every connection gets before its first statement was learnt by failures.
 * Without a busy timeout and with the checkpoint on close, up to 64 of 100
 * processes failed that opened one database at once.  A large sort opens a
 * temporary file, which a sandbox refuses: so temporary storage is memory.
 */
#include "lib/db.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/sql.h"
#include "lib/db_internal.h"
#include "lib/err.h"
#include "lib/mem.h"

#define CACHE_KIB 2048 /* SQLite's own default */

static pthread_once_t configured = PTHREAD_ONCE_INIT;

int db_schema_version(void)
{
	return (int)db_migration_count;
}

static int pragma_text(struct db *db, const char *sql, char *out, size_t size,
		       struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		db_fail(db, rc, sql, err);
		sqlite3_finalize(stmt);
		return -1;
	}
	snprintf(out, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return 0;
}

/* SQLite says only "unable to open database file": find out what a person
 * has to change.  stat and access alone: opening the file by hand would drop
 * this process's locks on it. */
static int explain_open(const struct db_options *o, struct err *err)
{
	char copy[PATH_MAX];
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", o->path);
	dir = dirname(copy);
	if (access(dir, F_OK) != 0)
		return err_set(err, ERR_NOT_FOUND,
			       "%s: its directory does not exist", o->path);
	if (!o->create && access(o->path, F_OK) != 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: no such database%s",
			       o->path,
			       o->foreign ? "" : " (belfry init makes one)");
	if (access(o->path, F_OK) == 0 &&
	    access(o->path, o->readonly ? R_OK : R_OK | W_OK) != 0)
		return err_set(err, ERR_READONLY,
			       "%s: uid %ld may not read and write it", o->path,
			       (long)geteuid());
	if (!o->readonly && access(dir, W_OK | X_OK) != 0)
		return err_set(err, ERR_READONLY,
			       "%s: uid %ld may not write its directory, where "
			       "SQLite keeps -wal and -shm",
			       o->path, (long)geteuid());
	return -1;
}

static int check_schema(struct db *db, const char *path, struct err *err)
{
	char text[64];
	int version;

	if (pragma_text(db, "PRAGMA user_version", text, sizeof(text), err) < 0)
		return -1;
	version = atoi(text);
	if (version != db_schema_version())
		return err_set(
		    err, ERR_CORRUPT, "%s: schema version %d, expected %d (%s)",
		    path, version, db_schema_version(),
		    version > db_schema_version() ? "a newer belfry made it"
						  : "run: belfry init");
	if (pragma_text(db, "PRAGMA journal_mode", text, sizeof(text), err) < 0)
		return -1;
	if (strcmp(text, "wal") != 0)
		return err_set(err, ERR_CORRUPT,
			       "%s: journal_mode is %s, expected wal (run: "
			       "belfry init)",
			       path, text);
	return 0;
}

static int set_up(struct db *db, const struct db_options *o, struct err *err)
{
	char sql[128];
	int rc;

	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, o->busy_timeout_ms);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, 0);
	snprintf(sql, sizeof(sql),
		 "PRAGMA temp_store=MEMORY; PRAGMA synchronous=%s;"
		 "PRAGMA cache_size=-%d;",
		 o->synchronous_full ? "FULL" : "NORMAL",
		 o->cache_kib ? o->cache_kib : CACHE_KIB);
	rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return db_fail(db, rc, o->path, err);
	if (o->leave_checkpoints)
		db_wal_leave_checkpoints(db);
	if (o->create || o->foreign)
		return 0;
	if (check_schema(db, o->path, err) < 0)
		return -1;
	/* The check has read something, so the -shm is there. */
	db_shm_opened(&db->shm);
	if (!db_shm_moved(&db->shm))
		return 0;
	return err_set(err, ERR_UNAVAILABLE,
		       "%s-shm was removed while in use; connections that "
		       "still have it are being closed",
		       o->path);
}

/* SQLite's own count of its memory takes a lock at each malloc and free of all
 * threads: an eighth of what an INSERT costs.  Nobody reads it. */
static void configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_open(struct db **out, const struct db_options *o, struct err *err)
{
	static atomic_uint serial;
	struct db *db = mem_new(sizeof(*db));
	struct err why = {ERR_OK, ""};
	int flags, rc;

	db->serial = atomic_fetch_add(&serial, 1) + 1;
	pthread_once(&configured, configure);
	flags = o->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (o->create)
		flags |= SQLITE_OPEN_CREATE;
	else if (!o->foreign)
		db_shm_begin(&db->shm, o->path);
	rc = sqlite3_open_v2(o->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc != SQLITE_OK)
		db_fail(db, sqlite3_extended_errcode(db->handle), o->path,
			&why);
	else if (set_up(db, o, &why) == 0) {
		*out = db;
		return 0;
	}
	/* What the file system says is clearer than SQLite, if it says
	 * anything. */
	if (why.code == ERR_IO || why.code == ERR_READONLY ||
	    why.code == ERR_FULL)
		explain_open(o, &why);
	db_close(db);
	return err_set(err, why.code, "%s", why.message);
}

static void finalize_all(struct db *db)
{
	struct db_stmt *s;

	for (int i = 0; i < DB_QUERIES; i++) {
		sqlite3_finalize(db->named[i].stmt);
		db->named[i].stmt = NULL;
	}
	while ((s = db->texts)) {
		db->texts = s->next;
		sqlite3_finalize(s->stmt);
		free(s->text);
		free(s);
	}
}

bool db_shrink(struct db *db)
{
	if (!db->used)
		return false;
	finalize_all(db);
	sqlite3_exec(db->handle, "PRAGMA writable_schema=RESET", NULL, NULL,
		     NULL);
	sqlite3_db_release_memory(db->handle);
	db->used = false;
	return true;
}

int64_t db_data_version(struct db *db)
{
	int64_t version = -1;

	if (!db->data_version)
		sqlite3_prepare_v2(db->handle, "PRAGMA data_version", -1,
				   &db->data_version, NULL);
	if (sqlite3_step(db->data_version) == SQLITE_ROW)
		version = sqlite3_column_int64(db->data_version, 0);
	sqlite3_reset(db->data_version);
	return version;
}

int64_t db_seen_state(struct db *db)
{
	unsigned version = 0;

	sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_DATA_VERSION,
			     &version);
	return (int64_t)db->serial << 32 | version;
}

void db_keep_little(void)
{
	/* Pages and small pieces come one by one, not 80 and 48 kB at once. */
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	finalize_all(db);
	sqlite3_finalize(db->data_version);
	sqlite3_close(db->handle);
	db_shm_end(&db->shm);
	free(db);
}

int db_migrate(struct db *db, struct err *err)
{
	char text[64];
	int version, rc;

	if (pragma_text(db, "PRAGMA user_version", text, sizeof(text), err) < 0)
		return -1;
	version = atoi(text);
	if (version > db_schema_version())
		return err_set(err, ERR_CORRUPT,
			       "schema version %d is of a newer belfry; this "
			       "one knows up to %d",
			       version, db_schema_version());
	/* All of them: each may run twice, and so a half-done one is mended. */
	for (unsigned i = 0; i < db_migration_count; i++) {
		rc = sqlite3_exec(db->handle, db_migrations[i], NULL, NULL,
				  NULL);
		if (rc != SQLITE_OK) {
			db_fail(db, sqlite3_extended_errcode(db->handle),
				"migration", err);
			if (!sqlite3_get_autocommit(db->handle))
				sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL,
					     NULL);
			return -1;
		}
	}
	return 0;
}

bool db_moved(struct db *db)
{
	int moved = 0;

	if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED,
				 &moved) == SQLITE_OK &&
	    moved)
		return true;
	/* Others would share another -shm, and neither side see the other. */
	return db_shm_moved(&db->shm);
}

void db_set_busy_timeout(struct db *db, int ms)
{
	sqlite3_busy_timeout(db->handle, ms);
}

int64_t db_last_insert_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int db_changes(struct db *db)
{
	return sqlite3_changes(db->handle);
}

bool db_in_transaction(struct db *db)
{
	return !sqlite3_get_autocommit(db->handle);
}

void db_set_triggers(struct db *db, bool on)
{
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, (int)on,
			  NULL);
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return db_fail(db, sqlite3_extended_errcode(db->handle), sql,
			       err);
	return 0;
}
