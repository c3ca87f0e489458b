/*
 * worker: a few threads that do what may wait for SQLite; or none, where there
 * is one request at a time: then who submits a job runs it.
 *
 * Each has its own struct api (database connection and auth).  A job belongs to
 * the pool from worker_submit until its run; it answers by posting mail to the
 * loop.
 */
#ifndef BELFRY_WORKER_H
#define BELFRY_WORKER_H

#include <stdbool.h>

struct api;
struct config;
struct err;
struct journal;
struct registry;
struct limits;
struct metrics;
struct workers;

struct job {
	void (*run)(struct job *job, struct api *api); /* in a worker */
	struct job *next;
};

struct workers_options {
	unsigned threads; /* 0: run by workers_submit */
	/* With it, the thread takes all jobs that wait (at most `group_max`)
	 * and runs them together, instead of each by its own run. */
	void (*run_group)(struct job *list, struct api *api);
	unsigned group_max;
	int nice; /* the threads' (setpriority), above the process's: 0 to 19 */
	int cache_kib; /* of each database connection: see db_options */
	bool leave_checkpoints;	 /* to others: the same */
	struct metrics *metrics; /* for api_share */
	struct limits *limits;
	/* With no threads: whose connection is used (api_borrow); or NULL. */
	struct journal *journal;
};

/* Starts the threads (signals must be blocked already). */
int workers_start(struct workers **out, const struct workers_options *options,
		  const struct config *config, struct registry *registry,
		  struct err *err);
/* Runs what is queued, then joins; NULL is fine. */
void workers_stop(struct workers *workers);
void workers_submit(struct workers *workers, struct job *job); /* any thread */
/* Each, also one that has nothing to do, closes its connection if it is to a
 * database that was moved away (see db_moved).  From the loop's thread; NULL is
 * fine. */
void workers_let_go(struct workers *workers);

#endif
