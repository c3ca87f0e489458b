/*
 * internal: what the files of auth share.
 */
#ifndef BELFRY_AUTH_INTERNAL_H
#define BELFRY_AUTH_INTERNAL_H

#include <stdbool.h>

#include "lib/buf.h"

struct config;
struct db;
struct err;
struct identity;
struct limits;
struct request;

struct auth {
	const struct config *config;
	struct limits *limits;
	int64_t retry_ms;
	struct db *host; /* session_database; NULL until it is needed */
};

/* ---- auth/request.c: what a request carries; pure ---- */

enum presented_as {
	PRESENTED_NOTHING,
	PRESENTED_BEARER,
	PRESENTED_COOKIE,
	PRESENTED_TICKET,
	PRESENTED_REMOTE_USER
};

/* The credential that decides.  secret is a NUL-terminated copy without any
 * NUL in it; NULL: it is there, but of no form that a credential can have. */
struct presented {
	enum presented_as as;
	char *secret;
};
void auth_present(const struct config *config, const struct request *request,
		  struct presented *out);
void presented_fini(struct presented *p);

/* ---- auth/host.c: session_query ---- */

/* Whose session is it?  1 and *user (the caller frees), 0: nobody's, -1:
 * ERR_BUSY or ERR_UNAVAILABLE (the reason is in the log). */
int auth_host_user(struct auth *a, struct db *db, struct span secret,
		   char **user, struct err *err);

/* ---- auth/credential.c ---- */

/* Whose is the presented credential?  `consume`: a ticket is used up.  0, or
 * -1: ERR_UNAUTHORIZED, or what the database said. */
int auth_look_up(struct auth *a, struct db *db, const struct presented *p,
		 bool consume, struct identity *out, struct err *err);

/* ---- auth/scopes.c ---- */

/* As auth_parse_scopes, but words that are not known (of a newer version, or
 * typed by hand) grant nothing. */
unsigned auth_scopes_of_row(struct span text);

#endif
