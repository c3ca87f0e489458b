/*
 * Transactions, which know the place in the code that opened them; and
 * statements, which are prepared at their first use and kept.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/sql.h"
#include "lib/db_internal.h"
#include "lib/mem.h"

/* ---- transactions ---- */

static int run_named(struct db *db, enum db_query query, struct err *err)
{
	struct db_stmt *s;

	return db_query(db, query, &s, err) < 0 ? -1 : db_run(s, err);
}

int db_begin_at(struct db *db, bool write, const char *file, int line,
		struct err *err)
{
	if (db->opener_file) {
		fprintf(stderr,
			"belfry: %s:%d begins a transaction inside that of "
			"%s:%d\n",
			file, line, db->opener_file, db->opener_line);
		abort();
	}
	if (run_named(db, write ? DB_BEGIN_WRITE : DB_BEGIN_READ, err) < 0)
		return -1;
	db->opener_file = file;
	db->opener_line = line;
	return 0;
}

int db_commit(struct db *db, struct err *err)
{
	int result = run_named(db, DB_COMMIT, err);

	if (result < 0)
		db_rollback(db);
	db->opener_file = NULL;
	return result;
}

void db_rollback(struct db *db)
{
	struct err err;

	/* SQLite may have rolled back by itself (disk full, I/O error). */
	if (!sqlite3_get_autocommit(db->handle))
		run_named(db, DB_ROLLBACK, &err);
	db->opener_file = NULL;
}

int db_savepoint(struct db *db, struct err *err)
{
	return run_named(db, DB_SAVEPOINT, err);
}

int db_release(struct db *db, struct err *err)
{
	return run_named(db, DB_RELEASE, err);
}

void db_rollback_to_savepoint(struct db *db)
{
	struct err err;

	/* Nothing to do where SQLite has rolled back everything. */
	if (!sqlite3_get_autocommit(db->handle) &&
	    run_named(db, DB_ROLLBACK_TO, &err) == 0)
		db_release(db, &err);
}

/* ---- statements ---- */

int db_query(struct db *db, enum db_query query, struct db_stmt **out,
	     struct err *err)
{
	struct db_stmt *s = &db->named[query];
	int rc;

	if (!s->stmt) {
		rc = sqlite3_prepare_v3(db->handle, db_query_texts[query], -1,
					SQLITE_PREPARE_PERSISTENT, &s->stmt,
					NULL);
		db->used = true;
		s->db = db;
		s->name = db_query_names[query];
		if (rc != SQLITE_OK) {
			db_fail(db, rc, s->name, err);
			return -1; /* as an analyser sees, too */
		}
	} else {
		sqlite3_reset(s->stmt);
		sqlite3_clear_bindings(s->stmt);
	}
	*out = s;
	return 0;
}

static int prepare_text(struct db *db, const char *sql, struct db_stmt **out,
			struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	struct db_stmt *s;
	const char *tail;
	int rc;

	rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
				&stmt, &tail);
	if (rc != SQLITE_OK) {
		enum err_code code = db_code_of(rc);

		return err_set(err, code == ERR_CORRUPT ? ERR_INVALID : code,
			       "%s", sqlite3_errmsg(db->handle));
	}
	if (!stmt || tail[strspn(tail, " \t\r\n;")] ||
	    !sqlite3_stmt_readonly(stmt)) {
		sqlite3_finalize(stmt);
		return err_set(err, ERR_INVALID,
			       "expected one statement that only reads");
	}
	s = mem_new(sizeof(*s));
	db->used = true;
	s->db = db;
	s->stmt = stmt;
	s->text = mem_strdup(sql);
	s->name = s->text;
	s->next = db->texts;
	db->texts = s;
	*out = s;
	return 0;
}

int db_query_text(struct db *db, const char *sql, struct db_stmt **out,
		  struct err *err)
{
	for (struct db_stmt *s = db->texts; s; s = s->next) {
		if (strcmp(s->text, sql) != 0)
			continue;
		sqlite3_reset(s->stmt);
		sqlite3_clear_bindings(s->stmt);
		*out = s;
		return 0;
	}
	return prepare_text(db, sql, out, err);
}

static int parameter(struct db_stmt *s, const char *name)
{
	int index = sqlite3_bind_parameter_index(s->stmt, name);

	if (index == 0 && !s->text) {
		fprintf(stderr, "belfry: statement %s has no parameter %s\n",
			s->name, name);
		abort();
	}
	return index;
}

void db_bind_int(struct db_stmt *s, const char *name, int64_t value)
{
	int index = parameter(s, name);

	if (index)
		sqlite3_bind_int64(s->stmt, index, value);
}

/* Where to bind what is not NULL, or 0. */
static int place_of(struct db_stmt *s, const char *name, struct span value)
{
	int index = parameter(s, name);

	if (!index || value.data)
		return index;
	sqlite3_bind_null(s->stmt, index);
	return 0;
}

void db_bind_text(struct db_stmt *s, const char *name, struct span value)
{
	int index = place_of(s, name, value);

	if (index)
		sqlite3_bind_text64(s->stmt, index, value.data, value.len,
				    SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_blob(struct db_stmt *s, const char *name, struct span value)
{
	int index = place_of(s, name, value);

	if (index)
		sqlite3_bind_blob64(s->stmt, index, value.data, value.len,
				    SQLITE_STATIC);
}

int db_step(struct db_stmt *s, struct err *err)
{
	int rc = sqlite3_step(s->stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		db_fail(s->db, sqlite3_extended_errcode(s->db->handle), s->name,
			err);
	sqlite3_reset(s->stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

int db_run(struct db_stmt *s, struct err *err)
{
	int rc;

	while ((rc = db_step(s, err)) > 0)
		;
	return rc;
}

void db_reset(struct db_stmt *s)
{
	if (s)
		sqlite3_reset(s->stmt);
}

int64_t db_int(struct db_stmt *s, int column)
{
	return sqlite3_column_int64(s->stmt, column);
}

struct span db_text(struct db_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s->stmt, column);

	if (!text)
		return SPAN_NONE;
	return (struct span){
	    (const char *)text,
	    (size_t)sqlite3_column_bytes(s->stmt, column),
	};
}

bool db_is_null(struct db_stmt *s, int column)
{
	return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}
