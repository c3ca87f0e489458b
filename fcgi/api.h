/*
 * api: the route table.  A struct api is one worker's: its database connection
 * and its auth.  Handlers are in api_*.c, one file per resource.
 *
 * Handlers block for SQLite only.
 */
#ifndef BELFRY_API_H
#define BELFRY_API_H

#include <stdint.h>

struct answer;
struct auth;
struct config;
struct db;
struct err;
struct identity;
struct registry;
struct request;

#define API_BODY_MAX_BYTES  (8u * 1024 * 1024)
#define API_QUERY_MAX_BYTES 4096u

struct api;

int api_open(struct api **out, const struct config *config,
	     struct registry *registry, struct err *err);
void api_close(struct api *api); /* NULL is fine */

/* Answers one request; never fails: an error becomes a problem. The database is
 * opened anew when its file was replaced. */
void api_handle(struct api *api, const struct request *request,
		struct answer *answer);

/* Deletes expired notifications: see retention.h. Returns how many, or -1. */
int api_expire(struct api *api, int limit, struct err *err);

/* For the hub, through a worker: see auth_host_session_alive. */
int api_host_session_alive(struct api *api, const char *secret,
			   const char *user, struct err *err);

#endif
