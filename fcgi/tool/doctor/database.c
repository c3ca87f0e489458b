/*
 * database: is the database as this program would make it, and does a commit
 * wake a watcher?
 *
 * The expected schema is not written down a second time.  The migrations are
 * run on an empty database in memory, and the two schemas are compared object
 * by object.
 */
#include "tool/doctor/internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/auth.h"
#include "config/config.h"
#include "journal/head.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/dirwatch.h"
#include "lib/err.h"
#include "tool/internal.h"

#define WAKE_MS	      1000
#define NS_PER_US     INT64_C(1000)
#define WAL_LARGE     (INT64_C(64) << 20)
#define SKEW_MS	      INT64_C(1000)
#define BEFORE_BELFRY INT64_C(1700000000000) /* November 2023 */
#define CHANGED	      "changed"
#define NAMES_BYTES   3072

/* ---- schema ---- */

struct schema_diff {
	char names[NAMES_BYTES]; /* of the first ones */
	char drops[NAMES_BYTES]; /* statements for the first that are changed */
	char table[NAMES_BYTES]; /* one that is changed: it has people's rows */
	unsigned count;
};

/* Adds a piece if all of it fits: half a statement is none. */
static void append(char out[static NAMES_BYTES], const char *piece)
{
	size_t used = strlen(out);

	if (used + strlen(piece) < NAMES_BYTES)
		strcpy(out + used, piece);
}

static void note(struct schema_diff *diff, struct db_stmt *row,
		 const char *what)
{
	struct span type = db_text(row, 0), name = db_text(row, 1);
	char piece[NAMES_BYTES];

	diff->count++;
	/* CREATE … IF NOT EXISTS would leave it as it is.  Only what holds no
	 * rows may be dropped to be made again. */
	if (strcmp(what, CHANGED) == 0 && span_equal_text(type, "table")) {
		snprintf(diff->table, sizeof(diff->table), "%.*s",
			 (int)name.len, name.data);
	} else if (strcmp(what, CHANGED) == 0) {
		snprintf(piece, sizeof(piece), "DROP %.*s %.*s; ",
			 (int)type.len, type.data, (int)name.len, name.data);
		append(diff->drops, piece);
	}
	snprintf(piece, sizeof(piece), "%s%.*s %.*s (%s)",
		 *diff->names ? ", " : "", (int)type.len, type.data,
		 (int)name.len, name.data, what);
	append(diff->names, piece);
}

/* Objects of `from` that `in` has not, or has with another text. */
static int compare(struct db *from, struct db *in, bool ours,
		   struct schema_diff *diff, struct err *err)
{
	struct db_stmt *row, *other;
	int more, there;

	if (db_query(from, DB_DOCTOR_SCHEMA, &row, err) < 0)
		return -1;
	while ((more = db_step(row, err)) > 0) {
		if (!ours && !span_equal_text(db_text(row, 0), "trigger"))
			continue;
		if (db_query(in, DB_DOCTOR_OBJECT, &other, err) < 0)
			return -1;
		db_bind_text(other, ":type", db_text(row, 0));
		db_bind_text(other, ":name", db_text(row, 1));
		there = db_step(other, err);
		if (there < 0)
			return -1;
		if (!there)
			note(diff, row, ours ? "missing" : "not Belfry's");
		else if (ours &&
			 !span_equal(db_text(row, 2), db_text(other, 0)))
			note(diff, row, CHANGED);
		db_reset(other);
	}
	return more;
}

static void check_schema(struct doctor *d, struct db *db)
{
	const struct db_options in_memory = {.path = ":memory:",
					     .create = true};
	struct schema_diff wrong = {.count = 0}, foreign = {.count = 0};
	struct err err = {ERR_OK, ""};
	struct db *model = NULL;

	if (db_open(&model, &in_memory, &err) < 0 ||
	    db_migrate(model, &err) < 0 ||
	    compare(model, db, true, &wrong, &err) < 0 ||
	    compare(db, model, false, &foreign, &err) < 0) {
		doctor_say(d, DOCTOR_FAIL, "schema", "%s", err.message);
	} else if (wrong.count) {
		doctor_say(d, DOCTOR_FAIL, "schema",
			   "%u of its parts are not as they should be: %s",
			   wrong.count, wrong.names);
		if (*wrong.drops)
			doctor_change(d, NULL, "sqlite3 %s \"%s\"",
				      d->real_path, wrong.drops);
		doctor_change(d, NULL, "belfry init --db %s", d->real_path);
		/* To make it again would lose what is in it. */
		if (*wrong.table)
			doctor_change(d, NULL,
				      "sqlite3 %s \".schema %s\"  (compare it "
				      "with that of a new database; drop "
				      "nothing)",
				      d->real_path, wrong.table);
	} else if (foreign.count) {
		doctor_say(d, DOCTOR_WARN, "schema",
			   "version %d; more triggers than Belfry's: %s",
			   db_schema_version(), foreign.names);
	} else {
		doctor_say(d, DOCTOR_OK, "schema",
			   "version %d, triggers intact", db_schema_version());
	}
	db_close(model);
}

/* ---- clock ---- */

static void check_clock(struct doctor *d, struct db *db)
{
	char now_text[CLOCK_RFC3339_BYTES], last_text[CLOCK_RFC3339_BYTES];
	int64_t now = clock_wall_ms(), last = 0;
	struct err err = {ERR_OK, ""};
	struct db_stmt *row;

	if (db_query(db, DB_DOCTOR_LAST_EVENT, &row, &err) < 0 ||
	    db_step(row, &err) < 0) {
		doctor_say(d, DOCTOR_FAIL, "clock", "%s", err.message);
		return;
	}
	last = db_int(row, 0);
	db_reset(row);
	clock_rfc3339(now_text, now);
	clock_rfc3339(last_text, last);
	if (now < BEFORE_BELFRY)
		doctor_say(d, DOCTOR_FAIL, "clock",
			   "%s: it is not set; sessions would not expire",
			   now_text);
	else if (last > now + SKEW_MS)
		doctor_say(d, DOCTOR_FAIL, "clock",
			   "%s is before the last event, %s: it went back, or "
			   "was wrong then",
			   now_text, last_text);
	else
		doctor_say(d, DOCTOR_OK, "clock", "%s", now_text);
}

/* ---- wake-up ---- */

static int set_and_unset(struct db *db, struct err *err)
{
	struct db_stmt *stmt;

	if (db_query(db, DB_META_SET, &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, ":key", SPAN("doctor"));
	db_bind_text(stmt, ":value", SPAN("1"));
	if (db_run(stmt, err) < 0 ||
	    db_query(db, DB_DOCTOR_UNSET, &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, ":key", SPAN("doctor"));
	return db_run(stmt, err);
}

static int commit_nothing(struct db *db, struct err *err)
{
	if (db_begin_write(db, err) < 0)
		return -1;
	if (set_and_unset(db, err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

static int wait_for_commit(struct dirwatch *watch, struct db *db, int64_t *ns,
			   struct err *err)
{
	struct pollfd ready = {.fd = dirwatch_fd(watch), .events = POLLIN};
	int64_t begin;

	dirwatch_read(watch); /* what opening the database has done */
	begin = clock_mono_ns();
	if (commit_nothing(db, err) < 0)
		return -1;
	/* A slow commit does not count: the wait begins after it. */
	while (poll(&ready, 1, WAKE_MS) > 0)
		if (dirwatch_read(watch) & DIRWATCH_WROTE) {
			*ns = clock_mono_ns() - begin;
			return 1;
		}
	return 0;
}

static void check_wakeup(struct doctor *d, struct db *db)
{
	struct err err = {ERR_OK, ""};
	struct dirwatch *watch = NULL;
	int64_t ns = 0;
	int fired = -1;

	if (dirwatch_open(&watch, d->real_path, &err) == 0)
		fired = wait_for_commit(watch, db, &ns, &err);
	if (fired < 0) {
		doctor_say(d, DOCTOR_FAIL, "inotify", "%s", err.message);
		if (err.code == ERR_LIMITED)
			doctor_change(d, "/etc/sysctl.d/50-belfry.conf",
				      "fs.inotify.max_user_instances = 1024");
	} else if (!fired) {
		doctor_say(d, DOCTOR_FAIL, "inotify",
			   "a commit was made and nothing fired within %d ms: "
			   "events come with the tick only",
			   WAKE_MS);
	} else if (dirwatch_blind(d->real_path)) {
		doctor_say(d, DOCTOR_WARN, "inotify",
			   "a commit of this machine fires; of others, on this "
			   "kind of file system, perhaps not: the folder is "
			   "looked at every 200 ms");
	} else {
		doctor_say(d, DOCTOR_OK, "inotify",
			   "a commit fired after %" PRId64 " µs",
			   ns / NS_PER_US);
	}
	dirwatch_close(watch);
}

/* ---- what the responder remembers ---- */

static int row_is_there(struct db *db, const struct journal_mark *mark,
			struct err *err)
{
	struct db_stmt *row;
	int result;

	if (db_query(db, DB_JOURNAL_ROW_AT, &row, err) < 0)
		return -1;
	db_bind_int(row, ":id", mark->id);
	result = db_step(row, err);
	if (result > 0)
		result = db_int(row, 0) == mark->nonce;
	db_reset(row);
	return result;
}

static void check_head(struct doctor *d, struct db *db)
{
	struct journal_head *head = NULL;
	struct journal_mark mark = {.id = 0};
	struct err err = {ERR_OK, ""};
	int same = 1;

	/* To make it is for the responder to do. */
	if (journal_head_look(&head, d->real_path, &err) < 0)
		same = err.code == ERR_NOT_FOUND ? 1 : -1;
	else if (journal_head_read(head, &mark) && mark.id)
		same = row_is_there(db, &mark, &err);
	if (same < 0)
		doctor_say(d, DOCTOR_FAIL, "head", "%s", err.message);
	else if (!mark.id)
		doctor_say(d, DOCTOR_OK, "head", "nothing was delivered yet");
	else if (!same)
		doctor_say(d, DOCTOR_WARN, "head",
			   "the last event that was delivered, %" PRId64
			   ", is not in the database: it was restored, and "
			   "clients will be told to reload",
			   mark.id);
	else
		doctor_say(d, DOCTOR_OK, "head",
			   "the last event that was delivered is %" PRId64,
			   mark.id);
	journal_head_close(head);
}

static void check_wal(struct doctor *d)
{
	char path[PATH_MAX + sizeof("-wal")];
	struct stat st;

	snprintf(path, sizeof(path), "%s-wal", d->real_path);
	if (stat(path, &st) == 0 && st.st_size > WAL_LARGE)
		doctor_say(d, DOCTOR_WARN, "journal mode",
			   "WAL, but %s has %" PRId64
			   " MiB: somebody keeps a transaction open",
			   path, (int64_t)st.st_size >> 20);
	else
		doctor_say(d, DOCTOR_OK, "journal mode", "WAL");
}

static void check_session_query(struct doctor *d, struct db *db)
{
	struct auth *auth = NULL;
	struct err err = {ERR_OK, ""};

	if (!d->cmd->config->session_query)
		return;
	if (auth_open(&auth, d->cmd->config, &err) < 0 ||
	    auth_check_host(auth, db, &err) < 0)
		doctor_say(d, DOCTOR_FAIL, "session_query", "%s", err.message);
	else
		doctor_say(d, DOCTOR_OK, "session_query",
			   "answers without an error");
	auth_close(auth);
}

void doctor_database(struct doctor *d)
{
	struct err err = {ERR_OK, ""};

	if (cmd_open_database(d->cmd, CMD_WRITE, &err) < 0) {
		doctor_say(d, DOCTOR_FAIL, "database", "%s", err.message);
		return;
	}
	doctor_say(d, DOCTOR_OK, "database", "%s", d->real_path);
	check_wal(d);
	check_schema(d, d->cmd->db);
	check_clock(d, d->cmd->db);
	check_wakeup(d, d->cmd->db);
	check_head(d, d->cmd->db);
	check_session_query(d, d->cmd->db);
}
