/*
 * auth_issue: scopes, and the making of sessions, tokens and tickets.
 */
#include "auth/auth.h"

#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mem.h"

#define TICKET_MS INT64_C(60000)

static const struct scope {
	const char *name;
	unsigned bit;
} scopes_known[] = {
    {"read", SCOPE_READ},
    {"publish", SCOPE_PUBLISH},
    {"admin", SCOPE_ADMIN},
};
#define SCOPES (sizeof(scopes_known) / sizeof(scopes_known[0]))

/* The next word between commas and blanks; SPAN_NONE at the end. */
static struct span next_word(struct span *rest)
{
	struct span word;

	while (rest->len && strchr(", \t", rest->data[0])) {
		rest->data++;
		rest->len--;
	}
	word = (struct span){rest->data, 0};
	while (word.len < rest->len && !strchr(", \t", word.data[word.len]))
		word.len++;
	rest->data = rest->data ? rest->data + word.len : NULL;
	rest->len -= word.len;
	return word.len ? word : SPAN_NONE;
}

static unsigned scope_of(struct span word)
{
	for (size_t i = 0; i < SCOPES; i++)
		if (span_equal_text(word, scopes_known[i].name))
			return scopes_known[i].bit;
	return 0;
}

int auth_parse_scopes(struct span text, unsigned *scopes, struct err *err)
{
	char found[LOG_TEXT_BYTES];
	struct span rest = text, word;
	unsigned bits = 0;

	while ((word = next_word(&rest)).data) {
		unsigned bit = scope_of(word);

		if (!bit)
			return err_set(err, ERR_INVALID,
				       "expected the scopes read, publish or "
				       "admin, found %s",
				       log_text(found, word));
		bits |= bit;
	}
	if (!bits)
		return err_set(err, ERR_INVALID,
			       "expected at least one of the scopes read, "
			       "publish and admin, found none");
	*scopes = bits;
	return 0;
}

unsigned auth_scopes_of_row(struct span text)
{
	struct span word;
	unsigned bits = 0;

	while ((word = next_word(&text)).data)
		bits |= scope_of(word);
	return bits;
}

const char *auth_scopes_text(unsigned scopes)
{
	static const char *const texts[] = {
	    "",	     "read",	   "publish",	    "read,publish",
	    "admin", "read,admin", "publish,admin", "read,publish,admin",
	};

	return texts[scopes & (SCOPE_READ | SCOPE_PUBLISH | SCOPE_ADMIN)];
}

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
