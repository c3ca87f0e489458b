/*
 * host: sessions in the host application's own table.
 *
 * Its database is opened at the first need and again when its file was
 * replaced, so that neither an application that is installed later nor one that
 * is upgraded makes a restart necessary.  Whatever goes wrong there is "ask
 * again later", never "not signed in": nobody is signed out by a lock, a
 * missing file, or a table that is being altered.
 */
#include "auth/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/auth.h"
#include "config/config.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"

/* A worker waits here, and others with it: rather a quick 503. */
#define HOST_BUSY_TIMEOUT_MS 100
#define NS_PER_S	     INT64_C(1000000000)
#define NS_PER_MS	     INT64_C(1000000)
#define SETTLED_NS	     NS_PER_S
/* So long a session that is asked about beforehand is not asked about again. */
#define AHEAD_MS INT64_C(3600000)
#define BLANKS	 " \t\r\n"

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
		 int64_t now_ms, char **user, struct err *err)
{
	char now_iso[CLOCK_RFC3339_BYTES];
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
	int result = query(a, db, secret, clock_wall_ms(), user, &why);

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
	result = query(a, db, SPAN("no session has this secret"),
		       clock_wall_ms(), &found, &why);
	free(found);
	if (result < 0)
		return err_set(err, why.code, "session_query: %s", why.message);
	if (result > 0)
		return err_set(err, ERR_CONFIG,
			       "session_query: expected no row for a secret "
			       "that does not exist, found one");
	return 0;
}

/* ---- sessions that stream, looked at again ---- */

static void file_state(const char *path, struct auth_host_file *out)
{
	char real[PATH_MAX], wal[PATH_MAX + sizeof("-wal")];
	struct stat st;

	memset(out, 0, sizeof(*out));
	/* SQLite has the -wal beside the file itself, not beside a link. */
	if (!realpath(path, real))
		return;
	if (stat(real, &st) == 0) {
		out->inode = (int64_t)st.st_ino;
		out->size = st.st_size;
		out->changed =
		    st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
	}
	snprintf(wal, sizeof(wal), "%s-wal", real);
	if (stat(wal, &st) == 0) {
		out->wal_size = st.st_size;
		out->wal_changed =
		    st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
	}
}

/* Is it as it was?  What was written just before we looked may be followed by
 * more with the same time, which has the kernel's tick. */
static bool is_same_file(const struct auth_host_file *was,
			 const struct auth_host_file *is)
{
	return was->settled && was->inode == is->inode &&
	       was->size == is->size && was->changed == is->changed &&
	       was->wal_size == is->wal_size &&
	       was->wal_changed == is->wal_changed;
}

/* Is there a call of it with no more than `arguments`, which then takes the
 * time of now? */
static bool calls(const char *query, const char *function, int arguments)
{
	const char *at = query;

	while ((at = strcasestr(at, function))) {
		int commas = 0;

		at += strlen(function);
		at += strspn(at, BLANKS);
		if (*at != '(')
			continue;
		at += 1 + strspn(at + 1, BLANKS);
		if (*at == ')')
			return true;
		for (const char *c = at; *c && *c != ')' && *c != '('; c++)
			commas += *c == ',';
		if (commas < arguments)
			return true;
	}
	return false;
}

/* Does the query take the time from us, and from nowhere else?  Then it can be
 * asked about times to come. */
static bool takes_our_time(const char *query)
{
	static const char *const own[] = {"'now'", "\"now\"", "current_"};
	/* "time" is also the end of "datetime". */
	static const char *const functions[] = {"date", "time", "julianday",
						"unixepoch"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcasestr(query, own[i]))
			return false;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (calls(query, functions[i], 0))
			return false;
	return !calls(query, "strftime", 1) && strstr(query, ":now_");
}

/* 1: it is that user's at this time. */
static int is_good_at(struct auth *a, struct db *own,
		      const struct auth_host_look *look, int64_t now_ms,
		      struct err *err)
{
	char *user = NULL;
	int result = query(a, own, span_of(look->secret), now_ms, &user, err);

	if (result > 0)
		result = strcmp(user, look->user) == 0;
	free(user);
	return result;
}

static int look_at(struct auth *a, struct db *own, struct auth_host_look *look,
		   int64_t now_ms, struct err *err)
{
	int good = is_good_at(a, own, look, now_ms, err);

	if (good < 0)
		return -1;
	look->over = !good;
	look->good_until_ms = 0;
	if (!good || !takes_our_time(a->config->session_query))
		return 0;
	good = is_good_at(a, own, look, now_ms + AHEAD_MS, err);
	if (good > 0)
		look->good_until_ms = now_ms + AHEAD_MS;
	return good < 0 ? -1 : 0;
}

int auth_host_look(struct auth *a, struct db *own, struct auth_host_file *file,
		   struct auth_host_look *looks, size_t count, struct err *err)
{
	int64_t now_ms = clock_wall_ms();
	struct auth_host_file is;
	bool same, began = false;
	struct db *db;
	int result = 0;

	file_state(a->config->session_database ? a->config->session_database
					       : a->config->database,
		   &is);
	is.settled = now_ms * NS_PER_MS - is.changed > SETTLED_NS &&
		     now_ms * NS_PER_MS - is.wal_changed > SETTLED_NS;
	same = is_same_file(file, &is);
	for (size_t i = 0; i < count && result == 0; i++) {
		if (same && now_ms < looks[i].good_until_ms)
			continue;
		/* One read for all of them. */
		if (!began) {
			if (host_database(a, own, &db, err) < 0 ||
			    db_begin_read(db, err) < 0)
				return -1;
			began = true;
		}
		result = look_at(a, own, &looks[i], now_ms, err);
	}
	if (began)
		db_rollback(db);
	if (result == 0)
		*file = is;
	else
		file->settled = false;
	return result;
}
