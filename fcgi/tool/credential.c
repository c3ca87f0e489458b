/*
 * credential: create, list and revoke; the same for sessions and tokens.
 *
 * Revoking is a DELETE: a trigger writes the journal row that ends the
 * credential's streams, whichever process serves them.
 */
#include "tool/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/json.h"

#define LIST_MAX_BYTES (16u * 1024 * 1024)

/* How the two differ. */
static const struct kind {
	enum auth_table table;
	const char *name; /* also the command's word */
	const char *default_ttl;
	const char *default_scope; /* NULL: has to be said */
	enum db_query list, delete_one, delete_of_user;
	const char *create_name, *list_name, *revoke_name;
} kinds[] = {
    [AUTH_SESSIONS] = {AUTH_SESSIONS, "session", "30d", "read",
		       DB_TOOL_LIST_SESSIONS, DB_TOOL_DELETE_SESSION,
		       DB_TOOL_DELETE_SESSIONS_OF, "session create",
		       "session list", "session revoke"},
    [AUTH_TOKENS] = {AUTH_TOKENS, "token", "0", NULL, DB_TOOL_LIST_TOKENS,
		     DB_TOOL_DELETE_TOKEN, DB_TOOL_DELETE_TOKENS_OF,
		     "token create", "token list", "token revoke"},
};

static int create(const struct kind *kind, int argc, char **argv,
		  struct err *err)
{
	const char *user = NULL, *ttl = NULL, *scope = NULL;
	const struct cmd_option options[] = {
	    {"user", "U", "whose it is", &user, false},
	    {"scope", "SCOPE", "read, publish or admin; may be repeated",
	     &scope, true},
	    {"ttl", "TIME", "how long it is good, such as 12h; 0: for ever",
	     &ttl, false},
	};
	const struct cmd_syntax syntax = {
	    kind->create_name, NULL,
	    "Prints a new secret, once; the database keeps its hash.", options,
	    sizeof(options) / sizeof(options[0])};
	char secret[64];
	int64_t ttl_ms, id;
	unsigned scopes;
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	if (!scope)
		scope = kind->default_scope;
	if (cmd_require("user", user, err) < 0 ||
	    cmd_require("scope", scope, err) < 0 ||
	    cmd_duration("ttl", ttl ? ttl : kind->default_ttl, 0, &ttl_ms,
			 err) < 0)
		goto out;
	if (auth_parse_scopes(span_of(scope), &scopes, err) < 0) {
		err->code = ERR_USAGE;
		goto out;
	}
	if (cmd_open(&cmd, err) < 0 ||
	    auth_create(cmd.db, kind->table, span_of(user), scopes, ttl_ms,
			secret, &id, err) < 0)
		goto out;
	puts(secret);
	result = 0;
out:
	cmd_end(&cmd);
	return result;
}

/* ---- list ---- */

/* Columns of tool_list_sessions and tool_list_tokens. */
enum { COLUMN_ID, COLUMN_USER, COLUMN_SCOPES, COLUMN_CREATED, COLUMN_EXPIRES };

/* "-" in a table where there is none. */
static const char *time_text(struct db_stmt *row, int column,
			     char out[static CLOCK_RFC3339_BYTES])
{
	if (db_is_null(row, column))
		return NULL;
	return clock_rfc3339(out, db_int(row, column));
}

static void put_json_time(struct buf *b, const char *name, const char *time)
{
	buf_printf(b, ",\"%s\":", name);
	if (time)
		json_write_string(b, span_of(time));
	else
		buf_puts(b, "null");
}

static void print_json(struct db_stmt *row)
{
	char created[CLOCK_RFC3339_BYTES], expires[CLOCK_RFC3339_BYTES];
	struct buf b;

	buf_init(&b, LIST_MAX_BYTES);
	buf_printf(&b,
		   "{\"id\":%" PRId64 ",\"userId\":", db_int(row, COLUMN_ID));
	json_write_string(&b, db_text(row, COLUMN_USER));
	buf_puts(&b, ",\"scopes\":");
	json_write_string(&b, db_text(row, COLUMN_SCOPES));
	put_json_time(&b, "createdAt", time_text(row, COLUMN_CREATED, created));
	put_json_time(&b, "expiresAt", time_text(row, COLUMN_EXPIRES, expires));
	buf_puts(&b, "}\n");
	fwrite(b.data, 1, b.len, stdout);
	buf_fini(&b);
}

static void print_columns(struct db_stmt *row)
{
	char created[CLOCK_RFC3339_BYTES], expires[CLOCK_RFC3339_BYTES];
	const char *made = time_text(row, COLUMN_CREATED, created);
	const char *ends = time_text(row, COLUMN_EXPIRES, expires);

	printf("%-7" PRId64 " ", db_int(row, COLUMN_ID));
	cmd_print_text(db_text(row, COLUMN_USER), 20);
	putchar(' ');
	cmd_print_text(db_text(row, COLUMN_SCOPES), 18);
	printf(" %-24s %s\n", made ? made : "-", ends ? ends : "never");
}

static int list(const struct kind *kind, int argc, char **argv, struct err *err)
{
	const char *user = NULL, *json = NULL;
	const struct cmd_option options[] = {
	    {"user", "U", "only this user's", &user, false},
	    {"json", NULL, "one JSON object per line", &json, false},
	};
	const struct cmd_syntax syntax = {
	    kind->list_name, NULL, "Lists them, expired ones too.", options,
	    sizeof(options) / sizeof(options[0])};
	struct db_stmt *row;
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	if (cmd_open(&cmd, err) < 0 ||
	    db_query(cmd.db, kind->list, &row, err) < 0)
		goto out;
	db_bind_text(row, ":user", span_of(user));
	if (!json)
		printf("%-7s %-20s %-18s %-24s %s\n", "ID", "USER", "SCOPES",
		       "CREATED", "EXPIRES");
	while ((result = db_step(row, err)) > 0) {
		if (json)
			print_json(row);
		else
			print_columns(row);
	}
out:
	cmd_end(&cmd);
	return result;
}

/* ---- revoke ---- */

static int end_them(const struct kind *kind, struct db *db, const char *id,
		    const char *user, struct err *err)
{
	struct db_stmt *stmt;
	int64_t number;

	if (user) {
		if (db_query(db, kind->delete_of_user, &stmt, err) < 0)
			return -1;
		db_bind_text(stmt, ":user", span_of(user));
		return db_run(stmt, err);
	}
	if (config_parse_count(id, &number) < 0)
		return err_set(
		    err, ERR_USAGE,
		    "expected the id of a %s, as belfry %s shows it, "
		    "found \"%s\"",
		    kind->name, kind->list_name, id);
	if (db_query(db, kind->delete_one, &stmt, err) < 0)
		return -1;
	db_bind_int(stmt, ":id", number);
	if (db_run(stmt, err) < 0)
		return -1;
	if (db_changes(db) == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no %s %" PRId64,
			       kind->name, number);
	return 0;
}

static int revoke(const struct kind *kind, int argc, char **argv,
		  struct err *err)
{
	const char *user = NULL;
	const struct cmd_option options[] = {
	    {"user", "U", "all of this user's", &user, false},
	};
	const struct cmd_syntax syntax = {
	    kind->revoke_name, "ID",
	    "Ends one, or all of a user's, with their streams; prints how "
	    "many.",
	    options, sizeof(options) / sizeof(options[0])};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	if (!user == !cmd.word) {
		err_set(err, ERR_USAGE, "expected either an ID or --user");
		goto out;
	}
	if (cmd_open(&cmd, err) < 0 ||
	    end_them(kind, cmd.db, cmd.word, user, err) < 0)
		goto out;
	printf("%d\n", db_changes(cmd.db));
	result = 0;
out:
	cmd_end(&cmd);
	return result;
}

/* ---- which ---- */

int cmd_credential(enum auth_table table, int argc, char **argv,
		   struct err *err)
{
	static const struct action {
		const char *name;
		int (*run)(const struct kind *kind, int argc, char **argv,
			   struct err *err);
		const char *help;
	} actions[] = {
	    {"create", create, "print a new secret"},
	    {"list", list, "list them"},
	    {"revoke", revoke, "end one, or all of a user's"},
	};
	const struct kind *kind = &kinds[table];
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(name, actions[i].name) == 0)
			return actions[i].run(kind, argc - 1, argv + 1, err);
	if (strcmp(name, "--help") != 0 && strcmp(name, "-h") != 0)
		return err_set(err, ERR_USAGE,
			       "expected create, list or revoke, found \"%s\"",
			       name);
	printf("usage: belfry %s ACTION [OPTION]...\n\n", kind->name);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		printf("  %-10s %s\n", actions[i].name, actions[i].help);
	printf("\nbelfry %s ACTION --help tells an action's options.\n",
	       kind->name);
	return 0;
}
