/*
 * auth: credentials -> who, and which scopes.  docs/protocol.md, "Who you are".
 *
 * The first credential that is there decides.  A struct auth holds the host
 * application's database, if there is one, and belongs to one thread.
 */
#ifndef BELFRY_AUTH_H
#define BELFRY_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct auth;
struct config;
struct db;
struct err;
struct limits;
struct request;

enum {
	SCOPE_READ = 1, /* own inbox */
	SCOPE_PUBLISH = 2,
	SCOPE_ADMIN = 4
};

enum credential {
	CREDENTIAL_NONE,
	CREDENTIAL_TOKEN,
	CREDENTIAL_SESSION,
	CREDENTIAL_HOST_SESSION, /* session_query */
	CREDENTIAL_REMOTE_USER
};

struct identity {
	enum credential credential; /* a ticket gives its issuer's */
	bool ambient;		    /* the browser sends it by itself (cookie,
				       REMOTE_USER): the CSRF rule applies */
	int64_t id;		    /* row of tokens or sessions; else 0 */
	char *user;		    /* NUL-terminated copy; user_len counts */
	size_t user_len;
	unsigned scopes;
	int64_t expires_at; /* Unix ms, 0 = never */
	char *host_secret;  /* CREDENTIAL_HOST_SESSION: to look again */
	int64_t asked_ms; /* CREDENTIAL_HOST_SESSION: when the host was asked */
	int64_t read_in;  /* all of it was read in this state of the database
			     (db_seen_state), of which nothing was used up; 0:
			     there is more to it */
};

int auth_open(struct auth **out, const struct config *config, struct err *err);
void auth_close(struct auth *a); /* NULL is fine */
/* Who guesses is slowed down by these buckets; NULL: nobody. */
void auth_share(struct auth *a, struct limits *limits);
/* After ERR_LIMITED: how long until this address may try again. */
int64_t auth_retry_ms(const struct auth *a);

/* Finds and checks the credential, within the caller's read transaction on db
 * (for a ticket: its write transaction, see auth_has_ticket).  `consume`: a
 * ticket is used up (not for HEAD).  ERR_UNAUTHORIZED: none or bad; ERR_BUSY: a
 * host database is locked (503, never 401). *out is for identity_fini on
 * success. */
int auth_identify(struct auth *a, struct db *db, const struct request *request,
		  bool consume, struct identity *out, struct err *err);
/* Does this Authorization header (may be SPAN_NONE) decide, whatever it holds?
 */
bool auth_is_bearer(struct span header);
/* True when the credential that decides is ?ticket=. */
bool auth_has_ticket(struct auth *a, const struct request *request);
void identity_fini(struct identity *identity);
struct span identity_user(const struct identity *identity);

/* Is this session of the host application's still that user's?  1 yes, 0 no, -1
 * error (ERR_BUSY: ask again later).  db as above, no transaction needed. */
int auth_host_session_alive(struct auth *a, struct db *db, struct span secret,
			    struct span user, struct err *err);

/* What the file of those sessions looked like; zeroed at first. */
struct auth_host_file {
	int64_t inode, size, changed, wal_size, wal_changed;
	bool settled;
};
/* One of them that streams.  It is not asked about before good_until_ms (Unix
 * ms; 0: always) while the file stays the same. */
struct auth_host_look {
	const char *secret, *user;
	int64_t good_until_ms;
	bool over; /* out */
	void *of;  /* the caller's */
};
/* Looks at those that are due, in one short read; if none is, not at all.  -1:
 * ERR_BUSY or another; what is not said to be over is as it was. */
int auth_host_look(struct auth *a, struct db *db, struct auth_host_file *file,
		   struct auth_host_look *looks, size_t count, struct err *err);

/* Tries the session_query once, for a person who checks the configuration: the
 * error says what the database says. */
int auth_check_host(struct auth *a, struct db *db, struct err *err);

/* "read,publish" <-> bits.  Unknown words: ERR_INVALID. */
int auth_parse_scopes(struct span text, unsigned *scopes, struct err *err);
const char *auth_scopes_text(unsigned scopes); /* static: "read,publish" */

/* Makes a session or token (its secret is told once, in secret[]). ttl_ms 0 =
 * for ever. user '' or '*': ERR_INVALID. */
enum auth_table { AUTH_SESSIONS, AUTH_TOKENS };
int auth_create(struct db *db, enum auth_table table, struct span user,
		unsigned scopes, int64_t ttl_ms, char secret[static 64],
		int64_t *id, struct err *err);
/* A ticket of this identity's: 60 s, once. */
int auth_create_ticket(struct db *db, const struct identity *identity,
		       char secret[static 64], int64_t *expires_at,
		       struct err *err);

#endif
