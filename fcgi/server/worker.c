/*
 * worker: one queue, first come first served.  Its length is bounded by the
 * number of connections: each has one request under way.
 */
#include "server/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/api.h"
#include "lib/err.h"
#include "lib/mem.h"

struct worker {
	pthread_t thread;
	struct workers *pool;
	struct api *api;
	bool started, let_go;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **last;
	bool stopping;
	struct workers_options options;
	struct worker *workers;
	struct api *own; /* with no threads */
};

static struct job *take(struct workers *pool)
{
	unsigned n = pool->options.run_group ? pool->options.group_max : 1;
	struct job *list, **end = &list;

	list = pool->first;
	while (*end && n--)
		end = &(*end)->next;
	pool->first = *end;
	*end = NULL;
	if (!pool->first)
		pool->last = &pool->first;
	return list;
}

/* The next job, or the next group of them, or none for now. False: the end. */
static bool next(struct worker *w, struct job **list)
{
	struct workers *pool = w->pool;
	bool let_go, over;

	pthread_mutex_lock(&pool->lock);
	while (!pool->first && !pool->stopping && !w->let_go)
		pthread_cond_wait(&pool->more, &pool->lock);
	let_go = w->let_go;
	w->let_go = false;
	over = !pool->first && pool->stopping;
	*list = take(pool);
	pthread_mutex_unlock(&pool->lock);
	if (let_go)
		api_let_go(w->api);
	return !over;
}

static void run(struct workers *pool, struct job *list, struct api *api)
{
	if (pool->options.run_group)
		pool->options.run_group(list, api);
	else
		list->run(list, api);
	api_job_done(api);
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct job *list;

	/* On Linux it is the thread's own.  Not being nicer is no failure. */
	if (w->pool->options.nice)
		setpriority(PRIO_PROCESS, 0,
			    getpriority(PRIO_PROCESS, 0) +
				w->pool->options.nice);
	while (next(w, &list))
		if (list)
			run(w->pool, list, w->api);
	return NULL;
}

void workers_submit(struct workers *pool, struct job *job)
{
	job->next = NULL;
	if (pool->own) {
		run(pool, job, pool->own);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	*pool->last = job;
	pool->last = &job->next;
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->more);
}

static int open_api(struct api **out, const struct workers *pool,
		    const struct config *config, struct registry *registry,
		    struct err *err)
{
	if (api_open(out, config, registry, pool->options.cache_kib, err) < 0)
		return -1;
	api_share(*out, pool->options.metrics, pool->options.limits);
	api_borrow(*out, pool->options.journal);
	if (pool->options.leave_checkpoints)
		api_leave_checkpoints(*out);
	return 0;
}

void workers_let_go(struct workers *pool)
{
	if (!pool)
		return;
	if (pool->own)
		api_let_go(pool->own);
	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; i < pool->options.threads; i++)
		pool->workers[i].let_go = true;
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_broadcast(&pool->more);
}

int workers_start(struct workers **out, const struct workers_options *options,
		  const struct config *config, struct registry *registry,
		  struct err *err)
{
	struct workers *pool = mem_new(sizeof(*pool));

	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->more, NULL);
	pool->last = &pool->first;
	pool->options = *options;
	if (!options->threads &&
	    open_api(&pool->own, pool, config, registry, err) < 0)
		goto fail;
	pool->workers = mem_array(options->threads, sizeof(*pool->workers));
	for (unsigned i = 0; i < options->threads; i++) {
		struct worker *w = &pool->workers[i];
		int rc;

		w->pool = pool;
		if (open_api(&w->api, pool, config, registry, err) < 0)
			goto fail;
		rc = pthread_create(&w->thread, NULL, work, w);
		if (rc != 0) {
			err_set(err, ERR_IO, "pthread_create: %s",
				strerror(rc));
			goto fail;
		}
		w->started = true;
	}
	*out = pool;
	return 0;
fail:
	workers_stop(pool);
	return -1;
}

void workers_stop(struct workers *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_broadcast(&pool->more);
	for (unsigned i = 0; i < pool->options.threads; i++) {
		if (pool->workers[i].started)
			pthread_join(pool->workers[i].thread, NULL);
		api_close(pool->workers[i].api);
	}
	api_close(pool->own);
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->lock);
	free(pool->workers);
	free(pool);
}
