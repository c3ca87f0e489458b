/*
 * internal: what server.c and server/connection.c share.
 */
#ifndef BELFRY_SERVER_INTERNAL_H
#define BELFRY_SERVER_INTERNAL_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/answer.h"
#include "api/api.h"
#include "lib/buf.h"
#include "lib/fcgi.h"
#include "lib/loop.h"
#include "server/worker.h"

#define SERVER_READ_BYTES (64u * 1024)

struct config;
struct err;
struct hub;
struct limits;
struct metrics;
struct registry;
struct sessions;
struct upkeep;

struct checkpoint {
	struct job job;
	sem_t swept;	 /* by the thread; all else is the writer's */
	bool sweeping;	 /* the thread is at it, or done and not yet heard */
	int began_pages; /* of the -wal, when it was told to */
};

struct server {
	const struct config *config;
	struct loop *loop;
	struct registry *registry;
	struct hub *hub;
	struct workers *workers;
	struct workers *writer; /* one thread that writes for all; NULL where
				   there is one request at a time */
	struct workers *checkpointer; /* one thread; NULL where writer is */
	struct checkpoint checkpoint;
	struct upkeep *upkeep;
	struct sessions *sessions; /* NULL without a session_query */
	struct metrics *metrics;
	struct limits *limits;
	unsigned long log_dropped; /* as counted */
	struct loop_io listen_io;
	struct loop_hook hook;
	struct loop_timer accept_timer, sweep_timer, drain_timer;
	struct conn *conns;
	unsigned conn_count;
	size_t body_bytes;	 /* of all requests under way */
	unsigned writes;	 /* requests that may write, under way … */
	int64_t writer_heard_ns; /* … since then, or since the last commit */
	unsigned accepted;	 /* since memory was last given back */
	bool draining;
	bool single; /* CGI: ends with the one request */
	char read_buf[SERVER_READ_BYTES];
};

/* A connection from accept until its answer is written or it is a stream. */
struct conn {
	struct loop_io io;
	struct server *server;
	struct conn *next, *prev;
	struct loop_deferred deferred;
	struct job job;
	struct loop_mail mail;
	struct fcgi_gather gather;
	struct request *request; /* while workers have it */
	struct api_exchange exchange;
	struct answer answer;
	struct buf out; /* framed answer */
	size_t out_offset;
	size_t body_bytes;   /* of server->body_bytes */
	int64_t progress_ns; /* accepted, or written last */
	int fd;
	uint16_t request_id;
	bool may_write; /* of its method */
	enum { CONN_READING, CONN_WORKING, CONN_WRITING, CONN_DEAD } state;
};

/* The writer's: answers a list of connections' requests; those that write share
 * a commit. */
void conn_write_group(struct job *list, struct api *api);

void conn_accept(struct server *server, int fd);
/* A request that is complete (CGI): answers it on fd.  Takes both. */
void conn_answer(struct server *server, int fd, struct fcgi_gather *request);
/* Those that take too long to ask or to read. */
void conn_sweep(struct server *server, int64_t now_ns);
/* At the end: whoever is left. */
void conn_close_all(struct server *server);
/* Draining: who has not asked yet is let go. */
void conn_drop_idle(struct server *server);

/* ---- server/checkpoint.c ---- */

int checkpoint_start(struct server *server, struct err *err);
/* The writer's, after each group. */
void checkpoint_after_commit(struct server *server, struct api *api);

/* ---- server/sessions.c ---- */

void sessions_start(struct server *server);
/* A worker is at it: wait for its mail. */
bool sessions_busy(const struct server *server);
void sessions_stop(struct server *server); /* what a worker has goes on */
/* When the workers are gone. */
void sessions_free(struct server *server);

/* ---- server/upkeep.c ---- */

void upkeep_start(struct server *server);
/* A worker is at it: wait for its mail. */
bool upkeep_busy(const struct server *server);
void upkeep_stop(struct server *server); /* what a worker has goes on */
/* When the workers are gone; where it was not started: nothing. */
void upkeep_free(struct server *server);

#endif
