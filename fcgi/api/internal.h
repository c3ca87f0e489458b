/*
 * internal: what the parts of the API give to each other: api.c the calls,
 * api/route.c the table, api/query.c and api/guard.c pure decisions.
 */
#ifndef BELFRY_API_INTERNAL_H
#define BELFRY_API_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct answer;
struct api;
struct api_call;
struct auth;
struct config;
struct db;
struct err;
struct identity;
struct json;
struct notification;
struct registry;
struct request;

/* ---- routes: api/route.c ---- */

enum {
	METHOD_GET = 1, /* and HEAD */
	METHOD_POST = 2,
	METHOD_PATCH = 4,
	METHOD_DELETE = 8
};

struct api_route {
	unsigned method;
	const char *pattern; /* below the base path; {id} is a number */
	unsigned scopes;     /* one of these is enough; 0: open to all */
	/* Writes the answer, or fails with *err. */
	int (*handler)(struct api_call *call, struct err *err);
};

/* 0: *route and *id are set.  ERR_NOT_FOUND: no such path.  ERR_METHOD: *allow
 * has the methods that the path has.  path is decoded and below base_path;
 * method is "GET".  method "OPTIONS" gives ERR_METHOD for each path there is.
 */
int api_route_find(struct span path, struct span method,
		   const struct api_route **route, int64_t *id, unsigned *allow,
		   struct err *err);
/* "GET, HEAD, OPTIONS" */
#define API_ALLOW_BYTES 64
const char *api_route_allow(char out[static API_ALLOW_BYTES], unsigned allow);
/* The path below base_path, from REQUEST_URI or else SCRIPT_NAME + PATH_INFO
 * (each may be NULL), decoded once, into *out.  ERR_INVALID: bad encoding;
 * ERR_NOT_FOUND: not below base_path. */
struct api_path {
	const char *request_uri, *script_name, *path_info;
};
int api_route_path(const struct api_path *path, const char *base_path,
		   struct buf *out, struct err *err);
/* An id as paths and queries have it: 1 to 2^53-1 in digits, no sign, no
 * leading zero; -1 otherwise. */
int api_parse_id(struct span text, int64_t *id);

/* ---- query: api/query.c ---- */

/* Decodes %XX, and "+" as a blank if so wanted, to the end of *out.  -1: bad
 * encoding, or a NUL. */
int api_decode(struct span text, bool plus, struct buf *out);
/* The opposite, for a query value. */
void api_encode(struct buf *out, struct span text);
/* A query parameter, decoded once into *out (reset first). 1: found, 0: absent,
 * -1: bad encoding or given twice (ERR_INVALID). */
int api_query(const struct api_call *call, const char *name, struct buf *out,
	      struct err *err);
/* For switches: 1 for "1", 0 for "0", empty or absent, else -1. */
int api_query_switch(const struct api_call *call, const char *name,
		     struct err *err);

/* ---- guard: api/guard.c ---- */

struct api_origin {
	const char *origin;	    /* Origin, or NULL */
	const char *sec_fetch_site; /* or NULL */
	const char *host;	    /* Host, or NULL */
};
/* Is this Origin one of cors_origins? */
bool api_origin_listed(const char *origin, char *const *listed);
/* May a request that changes something pass, whose credential the browser
 * sends by itself? */
bool api_csrf_passes(const struct api_origin *from, char *const *listed);
/* Is this Content-Type (may be NULL) one that a body may have?  A form of
 * another site can send the other ones without asking first. */
bool api_is_json_type(const char *content_type);

/* ---- one connection and what belongs to it ---- */

struct api {
	const struct config *config;
	struct registry *registry;
	struct metrics *metrics; /* NULL: nothing is counted */
	struct limits *limits;
	struct auth *auth;
	struct db *db; /* NULL: to be opened */
	int cache_kib;
	bool leave_checkpoints;
	struct journal
	    *journal;	     /* lends its connection; NULL: one of our own */
	bool has_borrowed;   /* has asked it, in this job … */
	bool db_is_journals; /* … and `db` is what it lent */
	/* The group that is being written: its transaction could not begin, or
	 * is lost.  Then all of it fails with this. */
	struct err group_err;
};

/* ---- one request on its way through a handler ---- */

struct api_call {
	struct api *api;
	const struct config *config;
	struct registry *registry;
	struct db *db;	   /* NULL on routes without scope */
	struct auth *auth; /* the same */
	const struct request *request;
	const struct api_route *route;
	const struct identity *who; /* checked; NULL on routes without scope */
	struct identity *who_owned; /* the same; a stream moves it out by
				       copying the struct and zeroing this */
	struct span method;	    /* "GET" */
	struct span query;	    /* raw query string, never SPAN_NONE */
	const char *request_id;	    /* X-Request-Id, of the client or ours */
	int64_t id;		    /* {id} of the route, or 0 */
	int64_t now_ms;
	int64_t retry_ms;  /* of a request that comes too often */
	bool in_savepoint; /* of the group's transaction */
	int status; /* of the problem, where its error code has none; else 0 */
	struct answer *answer;
};

/* Finds out who it is and whether they may; call->who is set after it.  Within
 * a transaction (of writing, where `consume` uses up a ticket). */
int api_admit(struct api_call *call, bool consume, struct err *err);
/* Handlers of GET run in one transaction (its first read was the credential),
 * which api.c ends.  Handlers of the other methods begin theirs when they have
 * read the body, so that a slow parse holds no lock: a part of the group's
 * transaction (api/group.c).  This checks the credential again, within,
 * unless nobody else has committed since. */
int api_begin_write(struct api_call *call, struct err *err);
/* Ends the part; `changed` wakes the journal once the group is committed. */
int api_commit(struct api_call *call, bool changed, struct err *err);

/* ---- api.c and api/database.c, for api/group.c ---- */

struct api_exchange;
void api_call_init(struct api_call *call, struct api *api,
		   struct api_exchange *exchange);
/* Sets call->route; NULL where it is answered already. */
int api_call_route(struct api_call *call, struct err *err);
/* The answer becomes a problem. */
void api_call_fail(struct api_call *call, struct err *err);
/* After an error: is the connection still good? */
void api_check_database(struct api *api, const struct err *err);

/* For routes without scope: opens the database if need be (call->db). */
int api_use_database(struct api_call *call, struct err *err);

/* ---- what several handlers need: api/call.c ---- */

bool api_has_scope(const struct api_call *call, unsigned scope);
/* The body as JSON; *out NULL when it is empty and may be. */
int api_body(const struct api_call *call, bool optional, struct json **out,
	     struct err *err);
/* The notification of the route is not there, or not for this user. */
int api_no_such_notification(const struct api_call *call, struct err *err);
/* One notification as a member of an answer; cut as on the stream if it is
 * larger than an answer may be. */
void api_put_notification(struct buf *json, const struct notification *n);
/* Appends the notification id, as it is now, whoever's it is. */
int api_put_row(const struct api_call *call, int64_t id, struct buf *json,
		struct err *err);
/* "<base path>/<id>" as the header Location. */
void api_location(const struct api_call *call, int64_t id);

/* ---- rates: api/limit.c ---- */

/* ERR_LIMITED, and call->retry_ms: this address, or this credential, asks too
 * often. */
int api_limit_address(struct api_call *call, struct err *err);
int api_limit_credential(struct api_call *call, struct err *err);
/* The request was n more than the one that was taken for it. */
void api_limit_more(struct api_call *call, unsigned n);

/* ---- counting: api/metrics.c ---- */

/* A request for a stream was answered so. */
void api_count_connect(const struct api_call *call, int status);
/* The database failed it. */
void api_count_error(const struct api_call *call, const struct err *err);

/* ---- handlers ---- */

int api_list(struct api_call *call, struct err *err);
int api_unread_count(struct api_call *call, struct err *err);
int api_create(struct api_call *call, struct err *err);
int api_get(struct api_call *call, struct err *err);
int api_patch(struct api_call *call, struct err *err);
int api_delete(struct api_call *call, struct err *err);
int api_read(struct api_call *call, struct err *err);
int api_read_all(struct api_call *call, struct err *err);
int api_ticket(struct api_call *call, struct err *err);
int api_healthz(struct api_call *call, struct err *err);
int api_readyz(struct api_call *call, struct err *err);
int api_stats(struct api_call *call, struct err *err);
int api_stream(struct api_call *call, struct err *err);
int api_metrics(struct api_call *call, struct err *err);

#endif
