/*
 * upkeep: the watcher keeps house for all: what has expired or is
 * beyond what is kept goes, a batch at a time, in a worker, as a batch waits
 * for the lock.
 *
 * What a batch costs others is not so much the lock (2 ms) as the checkpoints:
 * 200 events dirty 200 pages of an index, and who fills the -wal pays for an
 * fsync.  So while others write there is a long pause between two batches, or a
 * hundredth of their commits would become two; in quiet times it is short, and
 * also where more events come than go, as a journal that grows without end
 * would be worse.  What has expired goes at a pace between the two: 2,000 a
 * second.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "api/api.h"
#include "config/config.h"
#include "inbox/retention.h"
#include "journal/journal.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "server/internal.h"
#include "shared/metrics.h"
#include "stream/hub.h"

#define NS_PER_MS	 INT64_C(1000000)
#define PASS_NS		 (1000 * NS_PER_MS)
#define PAUSE_NS	 (20 * NS_PER_MS)
#define PAUSE_BUSY_NS	 (1000 * NS_PER_MS)
#define PAUSE_EXPIRED_NS (100 * NS_PER_MS)
#define INBOXES_MAX_MS	 INT64_C(600000)
#define INBOXES_MIN_MS	 INT64_C(1000)
#define INBOXES_OF_AGES	 10 /* a walk per tenth of the smallest age */

struct upkeep {
	struct server *server;
	struct job job;
	struct loop_mail mail;
	struct loop_timer timer;
	bool busy; /* a worker has it */
	struct retention *retention;
	struct retention_step step;
	int result;
	int64_t stepped_ns; /* when the last step was done */
	int64_t own;	    /* events that it wrote */
	int64_t inboxes_ns; /* when to walk over the inboxes again */
	int64_t total[RETENTION_KINDS]; /* of this pass */
};

/* ---- in a worker ---- */

static void upkeep_done(struct loop_mail *mail);

static void upkeep_run(struct job *job, struct api *api)
{
	struct upkeep *u = CONTAINER_OF(job, struct upkeep, job);
	struct err err = {ERR_OK, ""};

	u->result = api_retention(api, u->retention, &u->step, &err);
	if (u->result < 0 && err.code != ERR_BUSY)
		log_warn("retention", "code=%s detail=\"%s\"",
			 err_name(err.code), err.message);
	u->mail.deliver = upkeep_done;
	loop_post(u->server->loop, &u->mail);
}

/* ---- in the loop ---- */

static int64_t inboxes_period_ns(const struct config *c)
{
	const int64_t ages[] = {c->retain_read.age_ms, c->retain_unread.age_ms,
				c->retain_broadcast.age_ms};
	int64_t ms = INBOXES_MAX_MS;

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		if (ages[i] && ages[i] / INBOXES_OF_AGES < ms)
			ms = ages[i] / INBOXES_OF_AGES;
	return (ms < INBOXES_MIN_MS ? INBOXES_MIN_MS : ms) * NS_PER_MS;
}

static void pass_over(struct upkeep *u)
{
	const int64_t *t = u->total;

	if (u->step.inboxes && u->result == 0)
		u->inboxes_ns = loop_now_ns(u->server->loop) +
				inboxes_period_ns(u->server->config);
	if (t[RETENTION_EVENTS] || t[RETENTION_UNREAD] || t[RETENTION_READ] ||
	    t[RETENTION_BROADCASTS])
		log_info("pruned",
			 "events=%" PRId64 " read=%" PRId64 " unread=%" PRId64
			 " broadcasts=%" PRId64,
			 t[RETENTION_EVENTS], t[RETENTION_READ],
			 t[RETENTION_UNREAD], t[RETENTION_BROADCASTS]);
	for (int i = 0; i < RETENTION_KINDS; i++)
		u->total[i] = 0;
	u->step.inboxes = loop_now_ns(u->server->loop) >= u->inboxes_ns;
}

static void upkeep_done(struct loop_mail *mail)
{
	struct upkeep *u = CONTAINER_OF(mail, struct upkeep, mail);
	struct server *server = u->server;
	struct metrics *metrics = server->metrics;
	bool more = u->result > 0;

	u->busy = false;
	u->stepped_ns = loop_now_ns(server->loop);
	u->own = 0;
	for (int i = 0; i < RETENTION_KINDS; i++) {
		u->total[i] += u->step.removed[i];
		metrics_add(metrics, METRIC_PRUNED + (unsigned)i,
			    (uint64_t)u->step.removed[i]);
		/* A receipt or event that goes makes no event. */
		if (i < RETENTION_RECEIPTS)
			u->own += u->step.removed[i];
	}
	if (more)
		metrics_add(metrics, METRIC_PRUNE_STEPS, 1);
	if (u->own)
		journal_own_commit(hub_journal(server->hub));
	if (!more)
		pass_over(u);
	if (server->draining)
		return;
	loop_timer_set(server->loop, &u->timer,
		       u->stepped_ns + (more ? PAUSE_NS : PASS_NS));
}

/* Is now a bad moment for the next batch of a pass? */
static bool others_write(const struct upkeep *u, int64_t position)
{
	int64_t pause = retention_is_expiring(u->retention) ? PAUSE_EXPIRED_NS
							    : PAUSE_BUSY_NS;

	return u->result > 0 && position > u->step.through + u->own &&
	       loop_now_ns(u->server->loop) - u->stepped_ns < pause &&
	       !retention_falls_behind(u->retention);
}

static void upkeep_due(struct loop_timer *timer)
{
	struct upkeep *u = CONTAINER_OF(timer, struct upkeep, timer);
	struct journal *journal = hub_journal(u->server->hub);
	int64_t position = journal_position(journal);
	bool wait = others_write(u, position);

	if (wait || !journal_is_watcher(journal)) {
		loop_timer_set(u->server->loop, timer,
			       loop_now_ns(u->server->loop) +
				   (wait ? PAUSE_NS : PASS_NS));
		return;
	}
	u->step.now_ms = clock_wall_ms();
	u->step.through = position;
	for (int i = 0; i < RETENTION_KINDS; i++)
		u->step.removed[i] = 0;
	u->busy = true;
	workers_submit(u->server->workers, &u->job);
}

void upkeep_start(struct server *server)
{
	struct upkeep *u = mem_new(sizeof(*u));

	u->server = server;
	u->retention = retention_new(server->config);
	u->job.run = upkeep_run;
	u->timer.fire = upkeep_due;
	u->step.inboxes = true;
	server->upkeep = u;
	loop_timer_set(server->loop, &u->timer,
		       loop_now_ns(server->loop) + PASS_NS);
}

bool upkeep_busy(const struct server *server)
{
	return server->upkeep && server->upkeep->busy;
}

void upkeep_stop(struct server *server)
{
	loop_timer_stop(server->loop, &server->upkeep->timer);
}

void upkeep_free(struct server *server)
{
	if (!server->upkeep)
		return;
	upkeep_stop(server);
	retention_free(server->upkeep->retention);
	free(server->upkeep);
}
