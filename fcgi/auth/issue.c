/*
 * issue: sessions, tokens and tickets are made here.
 */
#include "auth/auth.h"

#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/mem.h"

#define TICKET_MS INT64_C(60000)

int auth_create(struct db *db, enum auth_table table, struct span user,
		unsigned scopes, int64_t ttl_ms, char secret[static 64],
		int64_t *id, struct err *err)
{
	char hash[CRYPTO_SHA256_HEX_BYTES], made[CRYPTO_SECRET_BYTES];
	int64_t now_ms = clock_wall_ms();
	struct db_stmt *stmt;

	if (user.len == 0 || span_equal_text(user, "*"))
		return err_set(err, ERR_INVALID,
			       "expected the name of one user, found \"%.*s\"",
			       (int)user.len, user.data ? user.data : "");
	if (ttl_ms < 0 || ttl_ms > INT64_MAX - now_ms)
		return err_set(err, ERR_INVALID,
			       "expected a lifetime that ends some day");
	if (db_query(db,
		     table == AUTH_TOKENS ? DB_AUTH_INSERT_TOKEN
					  : DB_AUTH_INSERT_SESSION,
		     &stmt, err) < 0)
		return -1;
	crypto_secret(made, table == AUTH_TOKENS ? "bft_" : "bfs_");
	db_bind_text(stmt, ":secret_sha256",
		     span_of(crypto_sha256_hex(span_of(made), hash)));
	db_bind_text(stmt, ":user", user);
	db_bind_text(stmt, ":scopes", span_of(auth_scopes_text(scopes)));
	db_bind_int(stmt, ":now", now_ms);
	if (ttl_ms)
		db_bind_int(stmt, ":expires_at", now_ms + ttl_ms);
	if (db_run(stmt, err) < 0)
		return -1;
	*id = db_last_insert_id(db);
	memcpy(secret, made, sizeof(made));
	return 0;
}

/* host_masked: its host_secret, as only the ticket can read it. */
static void bind_issuer(struct db_stmt *stmt, const struct identity *identity,
			struct span host_masked)
{
	if (identity->credential == CREDENTIAL_SESSION)
		db_bind_int(stmt, ":session_id", identity->id);
	if (identity->credential == CREDENTIAL_TOKEN)
		db_bind_int(stmt, ":token_id", identity->id);
	if (identity->credential == CREDENTIAL_HOST_SESSION)
		db_bind_blob(stmt, ":host_secret", host_masked);
}

int auth_create_ticket(struct db *db, const struct identity *identity,
		       char secret[static 64], int64_t *expires_at,
		       struct err *err)
{
	char hash[CRYPTO_SHA256_HEX_BYTES], made[CRYPTO_SECRET_BYTES];
	int64_t now_ms = clock_wall_ms();
	struct span masked = SPAN_NONE;
	struct db_stmt *stmt;
	char *host = NULL;
	int result;

	/* Most tickets are used up; those that are not go with the next. */
	if (db_query(db, DB_AUTH_DELETE_EXPIRED_TICKETS, &stmt, err) < 0)
		return -1;
	db_bind_int(stmt, ":now", now_ms);
	if (db_run(stmt, err) < 0 ||
	    db_query(db, DB_AUTH_INSERT_TICKET, &stmt, err) < 0)
		return -1;
	crypto_secret(made, "bfk_");
	db_bind_text(stmt, ":secret_sha256",
		     span_of(crypto_sha256_hex(span_of(made), hash)));
	db_bind_text(stmt, ":user", identity_user(identity));
	db_bind_text(stmt, ":scopes",
		     span_of(auth_scopes_text(identity->scopes)));
	db_bind_int(stmt, ":now", now_ms);
	db_bind_int(stmt, ":expires_at", now_ms + TICKET_MS);
	if (identity->host_secret) {
		host = mem_strdup(identity->host_secret);
		masked = span_of(host);
		crypto_mask(span_of(made), host, masked.len);
	}
	bind_issuer(stmt, identity, masked);
	result = db_run(stmt, err);
	free(host);
	if (result < 0)
		return -1;
	*expires_at = now_ms + TICKET_MS;
	memcpy(secret, made, sizeof(made));
	return 0;
}
