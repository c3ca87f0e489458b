/*
 * api: the route table.  A struct api is one worker's: its database connection
 * and its auth.  Handlers are in api_*.c, one file per resource.
 *
 * Handlers block for SQLite only.
 */
#ifndef BELFRY_API_H
#define BELFRY_API_H

#include <stdint.h>

#include "auth/auth.h"
#include "stream/open.h"

struct answer;
struct auth;
struct config;
struct db;
struct err;
struct identity;
struct journal;
struct limits;
struct metrics;
struct registry;
struct request;
struct retention;
struct retention_step;

#define API_BODY_MAX_BYTES   (8u * 1024 * 1024)
#define API_QUERY_MAX_BYTES  4096u
#define API_REQUEST_ID_BYTES STREAM_OPEN_ID_BYTES

struct api;

/* cache_kib: see struct db_options. */
int api_open(struct api **out, const struct config *config,
	     struct registry *registry, int cache_kib, struct err *err);
void api_close(struct api *api); /* NULL is fine */
/* Closes the connection if the database was moved away (see db_moved). */
void api_let_go(struct api *api);
/* What all threads count into, and the buckets that all take from; NULL:
 * nothing is counted, nobody is limited. */
void api_share(struct api *api, struct metrics *metrics, struct limits *limits);
/* Where the journal's thread is ours: its connection is used during a job,
 * which api_job_done ends. */
void api_borrow(struct api *api, struct journal *journal);
void api_job_done(struct api *api); /* without api_borrow: nothing */

/* For the connections it opens from now on: see db_options. */
void api_leave_checkpoints(struct api *api);
/* What is in the -wal goes into the database; what can't be, stays. */
void api_checkpoint(struct api *api);
/* See db_wal_pages. */
int api_wal_pages(const struct api *api);

/* One request and its answer.  The caller's; zeroed but for the first two. */
struct api_exchange {
	const struct request *request;
	struct answer *answer; /* initialised */
	struct identity who;   /* between the halves of one that writes */
	char id[API_REQUEST_ID_BYTES];
	struct api_exchange *next;
};

/* A new request id. */
void api_make_id(char id[static API_REQUEST_ID_BYTES]);

/* Answers one request; never fails: an error becomes a problem. The database is
 * opened anew when its file was replaced.  API_WRITE: it is not answered yet;
 * who asks may do so, and the rest is for api_write_group. */
enum api_next { API_ANSWERED, API_WRITE };
enum api_next api_handle(struct api *api, struct api_exchange *exchange);

/* Answers requests that write, in one transaction for all, so that they share
 * its commit; one that fails does not touch the others.  The answers may be
 * sent when it returns: all is committed then, or answered as a problem. */
void api_write_group(struct api *api, struct api_exchange *list);

/* One step, as retention_step; does not wait long for the lock. */
int api_retention(struct api *api, struct retention *retention,
		  struct retention_step *step, struct err *err);

/* See auth_host_look. */
int api_host_look(struct api *api, struct auth_host_file *file,
		  struct auth_host_look *looks, size_t count, struct err *err);

#endif
