/*
 * credential: the secret of a cookie, token or ticket is compared with its row.
 *
 * A row is found by the hash of the secret and then compared in constant time.
 * So the time that an index takes tells nothing that helps to make a secret. No
 * message and no log line ever holds a secret.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/internal.h"
#include "config/config.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/mem.h"

#define SESSION_PREFIX "bfs_"

/* The first columns of auth_session, auth_token and auth_ticket. */
enum {
	COLUMN_ID,
	COLUMN_SECRET_SHA256,
	COLUMN_USER,
	COLUMN_SCOPES,
	COLUMN_EXPIRES_AT,
	/* auth_ticket only */
	COLUMN_SESSION_ID,
	COLUMN_TOKEN_ID,
	COLUMN_HOST_SECRET,
	COLUMN_ISSUER_USER,
	COLUMN_ISSUER_SCOPES,
	COLUMN_ISSUER_EXPIRES_AT
};

/* ---- identity ---- */

void identity_fini(struct identity *identity)
{
	free(identity->user);
	free(identity->host_secret);
	*identity = (struct identity){.credential = CREDENTIAL_NONE};
}

struct span identity_user(const struct identity *identity)
{
	return (struct span){identity->user, identity->user_len};
}

static int unauthorized(const char *what, struct err *err)
{
	return err_set(err, ERR_UNAUTHORIZED, "%s is not valid (any more)",
		       what);
}

/* ---- rows ---- */

/* The row of a secret: 1 and *row standing on it (the caller resets), 0, -1. */
static int find_row(struct db *db, enum db_query query, const char *secret,
		    struct db_stmt **row, struct err *err)
{
	char hash[CRYPTO_SHA256_HEX_BYTES];
	struct db_stmt *stmt;
	struct span stored;
	int result;

	if (db_query(db, query, &stmt, err) < 0)
		return -1;
	crypto_sha256_hex(span_of(secret), hash);
	db_bind_text(stmt, ":secret_sha256", span_of(hash));
	result = db_step(stmt, err);
	if (result <= 0)
		return result;
	stored = db_text(stmt, COLUMN_SECRET_SHA256);
	if (stored.len != sizeof(hash) - 1 ||
	    !crypto_equal(stored.data, hash, stored.len)) {
		db_reset(stmt);
		return 0;
	}
	*row = stmt;
	return 1;
}

static bool has_expired(struct db_stmt *row, int column)
{
	return !db_is_null(row, column) &&
	       db_int(row, column) <= clock_wall_ms();
}

static bool is_person(struct span user)
{
	return user.len && !span_equal_text(user, "*");
}

static void set_user(struct identity *out, struct span user)
{
	out->user = span_dup(user);
	out->user_len = user.len;
}

static int from_row(struct db *db, enum credential credential,
		    const char *secret, struct identity *out, struct err *err)
{
	bool is_token = credential == CREDENTIAL_TOKEN;
	const char *what = is_token ? "the bearer token" : "the session";
	struct db_stmt *row = NULL;
	int result;

	result = find_row(db, is_token ? DB_AUTH_TOKEN : DB_AUTH_SESSION,
			  secret, &row, err);
	if (result < 0)
		return -1;
	if (result == 0 || has_expired(row, COLUMN_EXPIRES_AT) ||
	    !is_person(db_text(row, COLUMN_USER))) {
		db_reset(row);
		return unauthorized(what, err);
	}
	*out = (struct identity){
	    .credential = credential,
	    .ambient = !is_token,
	    .id = db_int(row, COLUMN_ID),
	    .scopes = auth_scopes_of_row(db_text(row, COLUMN_SCOPES)),
	    .expires_at = db_int(row, COLUMN_EXPIRES_AT),
	    .read_in = db_seen_state(db),
	};
	set_user(out, db_text(row, COLUMN_USER));
	db_reset(row);
	return 0;
}

/* ---- cookies ---- */

static int from_host(struct auth *a, struct db *db, const char *secret,
		     struct identity *out, struct err *err)
{
	char *user = NULL;
	int result = auth_host_user(a, db, span_of(secret), &user, err);

	if (result < 0)
		return -1;
	if (result == 0)
		return unauthorized("the session", err);
	*out = (struct identity){
	    .credential = CREDENTIAL_HOST_SESSION,
	    .ambient = true,
	    .user = user,
	    .user_len = strlen(user),
	    .scopes = SCOPE_READ,
	    .host_secret = mem_strdup(secret),
	    .asked_ms = clock_wall_ms(),
	};
	return 0;
}

/* With a session_query, what does not look like a session of ours is the host
 * application's. */
static int from_cookie(struct auth *a, struct db *db, const char *secret,
		       struct identity *out, struct err *err)
{
	if (a->config->session_query &&
	    strncmp(secret, SESSION_PREFIX, strlen(SESSION_PREFIX)) != 0)
		return from_host(a, db, secret, out, err);
	return from_row(db, CREDENTIAL_SESSION, secret, out, err);
}

/* ---- tickets ---- */

static enum credential issuer_of(struct db_stmt *row)
{
	if (!db_is_null(row, COLUMN_SESSION_ID))
		return CREDENTIAL_SESSION;
	if (!db_is_null(row, COLUMN_TOKEN_ID))
		return CREDENTIAL_TOKEN;
	if (!db_is_null(row, COLUMN_HOST_SECRET))
		return CREDENTIAL_HOST_SESSION;
	return CREDENTIAL_REMOTE_USER;
}

/* Is the session or token that issued it still there, for the same user? */
static bool issuer_stands(struct db_stmt *row)
{
	return span_equal(db_text(row, COLUMN_ISSUER_USER),
			  db_text(row, COLUMN_USER)) &&
	       !has_expired(row, COLUMN_ISSUER_EXPIRES_AT);
}

/* What the ticket says, if it holds by itself; the host's session is not
 * looked at yet. */
static bool ticket_holds(const struct auth *a, struct db_stmt *row,
			 struct span secret, struct identity *out)
{
	struct span masked;
	struct identity is = {
	    .credential = issuer_of(row),
	    .scopes = auth_scopes_of_row(db_text(row, COLUMN_SCOPES)),
	};

	if (db_is_null(row, COLUMN_EXPIRES_AT) ||
	    has_expired(row, COLUMN_EXPIRES_AT) ||
	    !is_person(db_text(row, COLUMN_USER)))
		return false;
	if (is.credential == CREDENTIAL_REMOTE_USER && !a->config->remote_user)
		return false;
	if (is.credential == CREDENTIAL_SESSION ||
	    is.credential == CREDENTIAL_TOKEN) {
		if (!issuer_stands(row))
			return false;
		is.id = db_int(row, is.credential == CREDENTIAL_SESSION
					? COLUMN_SESSION_ID
					: COLUMN_TOKEN_ID);
		is.scopes &=
		    auth_scopes_of_row(db_text(row, COLUMN_ISSUER_SCOPES));
		is.expires_at = db_int(row, COLUMN_ISSUER_EXPIRES_AT);
	}
	*out = is;
	set_user(out, db_text(row, COLUMN_USER));
	masked = db_text(row, COLUMN_HOST_SECRET);
	if (masked.data) {
		out->host_secret = span_dup(masked);
		crypto_mask(secret, out->host_secret, masked.len);
	}
	return true;
}

/* DELETE tells whose it is when two present it at once. */
static int use_up(struct db *db, int64_t ticket_id, struct err *err)
{
	struct db_stmt *stmt;

	if (db_query(db, DB_AUTH_DELETE_TICKET, &stmt, err) < 0)
		return -1;
	db_bind_int(stmt, ":id", ticket_id);
	if (db_run(stmt, err) < 0)
		return -1;
	if (db_changes(db) != 1)
		return unauthorized("the ticket", err);
	return 0;
}

static int from_ticket(struct auth *a, struct db *db, const char *secret,
		       bool consume, struct identity *out, struct err *err)
{
	struct identity found = {.credential = CREDENTIAL_NONE};
	struct db_stmt *row = NULL;
	int64_t ticket_id;
	int result = find_row(db, DB_AUTH_TICKET, secret, &row, err);

	if (result < 0)
		return -1;
	if (result == 0)
		return unauthorized("the ticket", err);
	ticket_id = db_int(row, COLUMN_ID);
	result = ticket_holds(a, row, span_of(secret), &found);
	db_reset(row);
	if (!result)
		return unauthorized("the ticket", err);
	/* Before it is used up: where the host is busy it can come again. */
	if (found.credential == CREDENTIAL_HOST_SESSION) {
		result =
		    auth_host_session_alive(a, db, span_of(found.host_secret),
					    identity_user(&found), err);
		if (result == 0)
			unauthorized("the ticket's session", err);
		if (result <= 0)
			goto fail;
	}
	if (consume && use_up(db, ticket_id, err) < 0)
		goto fail;
	*out = found;
	return 0;
fail:
	identity_fini(&found);
	return -1;
}

/* ---- the presented credential ---- */

static int from_remote_user(const char *user, struct identity *out,
			    struct err *err)
{
	if (!is_person(span_of(user)))
		return unauthorized("REMOTE_USER", err);
	*out = (struct identity){
	    .credential = CREDENTIAL_REMOTE_USER,
	    .ambient = true,
	    .scopes = SCOPE_READ,
	};
	set_user(out, span_of(user));
	return 0;
}

int auth_look_up(struct auth *a, struct db *db, const struct presented *p,
		 bool consume, struct identity *out, struct err *err)
{
	switch (p->as) {
	case PRESENTED_BEARER:
		return from_row(db, CREDENTIAL_TOKEN, p->secret, out, err);
	case PRESENTED_COOKIE:
		return from_cookie(a, db, p->secret, out, err);
	case PRESENTED_TICKET:
		return from_ticket(a, db, p->secret, consume, out, err);
	case PRESENTED_REMOTE_USER:
		return from_remote_user(p->secret, out, err);
	case PRESENTED_NOTHING:
		break;
	}
	return unauthorized("the credential", err);
}
