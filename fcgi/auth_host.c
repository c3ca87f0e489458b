/*
 * auth_host: sessions in the host application's own table.
 *
 * Its database is opened at the first need and again when its file was
 * replaced, so that neither an application that is installed later nor one that
 * is upgraded makes a restart necessary.  Whatever goes wrong there is "ask
 * again later", never "not signed in": nobody is signed out by a lock, a
 * missing file, or a table that is being altered.
 */
#include "auth_internal.h"

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "config.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"

/* A worker waits here, and others with it: rather a quick 503. */
#define HOST_BUSY_TIMEOUT_MS 100

static int host_database(struct auth *a, struct db *own, struct db **out,
			 struct err *err)
{
	struct db_options options = {
	    .path = a->config->session_database,
	    .readonly = true,
	    .foreign = true,
	    .busy_timeout_ms = HOST_BUSY_TIMEOUT_MS,
	};

	if (!options.path) {
		*out = own;
		return 0;
	}
	if (a->host && db_moved(a->host)) {
		db_close(a->host);
		a->host = NULL;
	}
	if (!a->host && db_open(&a->host, &options, err) < 0)
		return -1;
	*out = a->host;
	return 0;
}

/* As auth_host_user, with the database's own error. */
static int query(struct auth *a, struct db *own, struct span secret,
		 char **user, struct err *err)
{
	char now_iso[CLOCK_RFC3339_BYTES];
	int64_t now_ms = clock_wall_ms();
	struct db_stmt *stmt;
	struct db *db;
	struct span found;
	int result;

	if (host_database(a, own, &db, err) < 0 ||
	    db_query_text(db, a->config->session_query, &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, ":token", secret);
	db_bind_int(stmt, ":now_s", now_ms / 1000);
	db_bind_int(stmt, ":now_ms", now_ms);
	db_bind_text(stmt, ":now_iso", span_of(clock_rfc3339(now_iso, now_ms)));
	result = db_step(stmt, err);
	if (result <= 0)
		return result;
	found = db_text(stmt, 0);
	if (found.len == 0 || memchr(found.data, '\0', found.len) ||
	    span_equal_text(found, "*"))
		result = 0; /* no name that a person can have */
	else
		*user = span_dup(found);
	db_reset(stmt);
	return result;
}

int auth_host_user(struct auth *a, struct db *db, struct span secret,
		   char **user, struct err *err)
{
	struct err why = {ERR_OK, ""};
	char text[LOG_TEXT_BYTES];
	int result = query(a, db, secret, user, &why);

	if (result >= 0)
		return result;
	if (why.code == ERR_BUSY)
		return err_set(err, ERR_BUSY,
			       "the application's session table is locked");
	/* The details are the operator's, not the client's. */
	log_error("session-query", "error=%s",
		  log_text(text, span_of(why.message)));
	return err_set(err, ERR_UNAVAILABLE,
		       "the application's session table can't be read");
}

int auth_host_session_alive(struct auth *a, struct db *db, struct span secret,
			    struct span user, struct err *err)
{
	char *found = NULL;
	int result;

	if (!a->config->session_query)
		return 0;
	result = auth_host_user(a, db, secret, &found, err);
	if (result > 0)
		result = span_equal_text(user, found);
	free(found);
	return result;
}

int auth_check_host(struct auth *a, struct db *db, struct err *err)
{
	struct err why = {ERR_OK, ""};
	char *found = NULL;
	int result;

	if (!a->config->session_query)
		return 0;
	result = query(a, db, SPAN("no session has this secret"), &found, &why);
	free(found);
	if (result < 0)
		return err_set(err, why.code, "session_query: %s", why.message);
	if (result > 0)
		return err_set(err, ERR_CONFIG,
			       "session_query: expected no row for a secret "
			       "that does not exist, found one");
	return 0;
}
