/*
 * metrics: what happened, counted over all processes on one database, and
 * since its file was made; Prometheus takes that for counters that never fall.
 *
 * The numbers lie in a file that all have mapped (lib/mapfile.h).  Where it
 * can't be had, this process counts by itself and tries again (metrics_tick).
 *
 * Any thread, unless said otherwise; nothing blocks.  A NULL struct metrics
 * counts nothing.
 */
#ifndef BELFRY_METRICS_H
#define BELFRY_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct metrics;

enum metric {
	/* requests for a stream, by what came of them */
	METRIC_CONNECT_OPENED,
	METRIC_CONNECT_DENIED,
	METRIC_CONNECT_LIMITED,
	METRIC_CONNECT_REFUSED,
	METRIC_CONNECT_FAILED,
	/* streams that were opened, by what became of their cursor */
	METRIC_RESUME_NONE,
	METRIC_RESUME_RESUMED,
	METRIC_RESUME_RESET, /* + enum journal_reset: 5 of them */
	METRIC_RESUME_RESET_END = METRIC_RESUME_RESET + 5,
	/* streams that ended: + enum event_close, 5 of them, then the rest */
	METRIC_END = METRIC_RESUME_RESET_END,
	METRIC_END_GONE = METRIC_END + 5,
	METRIC_END_POLL,
	METRIC_BLOCKED,
	METRIC_DELIVERED,
	/* events as the watcher saw them: + enum journal_action, 10 */
	METRIC_EVENT,
	METRIC_EVENT_END = METRIC_EVENT + 10,
	/* answers: + hundreds of the status, from 1xx on */
	METRIC_ANSWER = METRIC_EVENT_END,
	METRIC_ANSWER_END = METRIC_ANSWER + 5,
	/* requests over a rate: + enum limit_rate, 5 */
	METRIC_LIMITED = METRIC_ANSWER_END,
	METRIC_LIMITED_END = METRIC_LIMITED + 5,
	METRIC_DATABASE_BUSY = METRIC_LIMITED_END,
	METRIC_DATABASE_READONLY,
	METRIC_DATABASE_FULL,
	METRIC_DATABASE_CORRUPT,
	METRIC_DATABASE_IO,
	METRIC_DATABASE_UNAVAILABLE,
	/* + enum retention_kind, 7 */
	METRIC_PRUNED,
	METRIC_PRUNED_END = METRIC_PRUNED + 7,
	METRIC_PRUNE_STEPS = METRIC_PRUNED_END,
	METRIC_LOG_DROPPED,
	METRICS
};

struct metrics *metrics_new(const char *database); /* opens nothing yet */
void metrics_free(struct metrics *m);		   /* NULL is fine */
/* Each second, and once at the start: takes up the file, or a new one where the
 * old one was lost.  The loop's thread. */
void metrics_tick(struct metrics *m);

void metrics_add(struct metrics *m, enum metric metric, uint64_t n);
/* An event was written to its streams so long after it was made. */
void metrics_lag(struct metrics *m, int64_t lag_ms);
/* Streams of this process that wait: for their turn, or for their reader. They
 * are forgotten when it dies.  The loop's thread. */
void metrics_lagging(struct metrics *m, int change);

/* The counters as Prometheus text; they are in one order, with HELP and TYPE.
 */
void metrics_put(struct metrics *m, struct buf *out);
/* One more that is known elsewhere. */
void metrics_put_gauge(struct buf *out, const char *name, const char *help,
		       int64_t value);

/* ---- for who looks on, and counts nothing ---- */

#define METRICS_LAGS 14 /* steps of the histogram, +Inf among them */

struct metrics_sample {
	uint64_t counters[METRICS];
	uint64_t lag[METRICS_LAGS]; /* each by itself, not cumulated */
	int64_t lagging;
};

/* As they are now; zeros where nobody has counted yet. */
void metrics_look(const char *database, struct metrics_sample *out);
/* How long a part `q` of the events between the two took at most, in ms: a step
 * of the histogram; INT64_MAX: longer than the last of them; -1: there were no
 * events. */
int64_t metrics_lag_between(const struct metrics_sample *before,
			    const struct metrics_sample *after, double q);

#endif
