/*
 * metrics: one array of counters, and one table that says what they are called.
 *
 * A gauge of a process that was killed must not stay for ever: so each process
 * that has something to say takes one of the places, and holds its lock, which
 * the kernel frees.
 */
#include "shared/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mapfile.h"
#include "lib/mem.h"

#define COUNTERS_MAX 128
#define PLACES	     512
#define NO_PLACE     PLACES
#define MAPS_MAX     16 /* files that were lost in a process's life */

/* Upper ends, milliseconds; what is above is in +Inf only. */
static const int64_t lag_ms[] = {1,   2,   5,	 10,   25,   50,   100,
				 250, 500, 1000, 2500, 5000, 10000};
#define LAGS (sizeof(lag_ms) / sizeof(lag_ms[0]))

_Static_assert(METRICS <= COUNTERS_MAX, "they have room in the file");
_Static_assert(METRICS_LAGS == LAGS + 1, "one more for what is above");

struct layout {
	_Atomic uint64_t counters[COUNTERS_MAX];
	_Atomic uint64_t lag[LAGS + 1]; /* each by itself, not cumulated */
	_Atomic uint64_t lag_sum_ms;
	_Atomic int64_t lagging[PLACES];
};

static const struct mapfile_form form = {"metrics-1", sizeof(struct layout)};

struct metrics {
	char *database;
	/* What was mapped stays so until the end: a thread may be in it. */
	struct mapfile *files[MAPS_MAX];
	unsigned file_count;
	struct layout *own; /* without a file */
	_Atomic(struct layout *) data;
	unsigned place;
	int64_t lagging;
};

static const struct family {
	enum metric first;
	const char *name, *help, *label;
	const char *const *values; /* one per counter from first on */
	unsigned count;
} families[] = {
#define FAMILY(first, name, help, label, ...)                                  \
	{                                                                      \
		first, "belfry_" name, help, label,                            \
		    (const char *const[]){__VA_ARGS__},                        \
		    sizeof((const char *const[]){__VA_ARGS__}) /               \
			sizeof(char *)                                         \
	}
    FAMILY(METRIC_CONNECT_OPENED, "connects_total",
	   "Requests for a stream, by what came of them.", "result", "opened",
	   "denied", "limited", "refused", "failed"),
    FAMILY(METRIC_RESUME_NONE, "resumes_total",
	   "Streams opened, by what became of their cursor.", "outcome", "none",
	   "resumed", "expired", "unknown", "invalid", "epoch", "rewritten"),
    FAMILY(METRIC_END, "stream_ends_total", "Streams ended, by why.", "reason",
	   "session", "evicted", "lifetime", "shutdown", "refused", "gone",
	   "poll"),
    FAMILY(METRIC_BLOCKED, "streams_blocked_total",
	   "Times that a stream's reader was too slow.", NULL, ""),
    FAMILY(METRIC_DELIVERED, "deliveries_total",
	   "Events written to live streams.", NULL, ""),
    FAMILY(METRIC_EVENT, "events_total", "Events of the journal.", "action",
	   "created", "updated", "read", "unread", "deleted", "all-read",
	   "session-ended", "token-ended", "epoch", "unknown"),
    FAMILY(METRIC_ANSWER, "answers_total", "Answers, by status.", "code", "1xx",
	   "2xx", "3xx", "4xx", "5xx"),
    FAMILY(METRIC_LIMITED, "limited_total", "Requests over a rate.", "rate",
	   "connect", "read", "write", "publish", "guess"),
    FAMILY(METRIC_DATABASE_BUSY, "database_errors_total",
	   "Requests that failed for the database.", "error", "busy",
	   "readonly", "full", "corrupt", "io", "unavailable"),
    FAMILY(METRIC_PRUNED, "pruned_total", "Rows removed by retention.", "kind",
	   "unread", "read", "broadcast", "expired", "receipt", "event",
	   "credential"),
    FAMILY(METRIC_PRUNE_STEPS, "prune_steps_total",
	   "Transactions of retention.", NULL, ""),
    FAMILY(METRIC_LOG_DROPPED, "log_dropped_total",
	   "Log lines that nobody took.", NULL, ""),
#undef FAMILY
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

struct metrics *metrics_new(const char *database)
{
	struct metrics *m = mem_new(sizeof(*m));

	m->database = mem_strdup(database);
	m->own = mem_new(sizeof(*m->own));
	m->place = NO_PLACE;
	atomic_store(&m->data, m->own);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	metrics_lagging(m, -(int)m->lagging);
	for (unsigned i = 0; i < m->file_count; i++)
		mapfile_close(m->files[i]);
	free(m->own);
	free(m->database);
	free(m);
}

/* The file is another one now, or the same: its folder was moved away and back.
 */
static void forget_lagging(struct metrics *m)
{
	if (m->place == NO_PLACE)
		return;
	atomic_store(&atomic_load(&m->data)->lagging[m->place], 0);
	mapfile_unlock(m->files[m->file_count - 1], m->place);
	m->place = NO_PLACE;
}

void metrics_tick(struct metrics *m)
{
	struct mapfile *file;

	if (m->file_count == MAPS_MAX ||
	    (m->file_count && !mapfile_lost(m->files[m->file_count - 1])))
		return;
	if (mapfile_open(&file, m->database, &form, MAPFILE_SHARE, NULL) < 0)
		return; /* the registry says why */
	forget_lagging(m);
	m->files[m->file_count++] = file;
	atomic_store(&m->data, (struct layout *)mapfile_data(file));
	metrics_lagging(m, 0);
}

static struct layout *data_of(struct metrics *m)
{
	return atomic_load_explicit(&m->data, memory_order_relaxed);
}

void metrics_add(struct metrics *m, enum metric metric, uint64_t n)
{
	if (m && metric < METRICS && n)
		atomic_fetch_add_explicit(&data_of(m)->counters[metric], n,
					  memory_order_relaxed);
}

void metrics_lag(struct metrics *m, int64_t lag)
{
	struct layout *data;
	size_t i = 0;

	if (!m)
		return;
	data = data_of(m);
	if (lag < 0) /* the clock was set back */
		lag = 0;
	while (i < LAGS && lag > lag_ms[i])
		i++;
	atomic_fetch_add_explicit(&data->lag[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&data->lag_sum_ms, (uint64_t)lag,
				  memory_order_relaxed);
}

void metrics_lagging(struct metrics *m, int change)
{
	struct mapfile *file;

	if (!m)
		return;
	m->lagging += change;
	if (!m->file_count)
		return;
	file = m->files[m->file_count - 1];
	for (unsigned i = 0; m->place == NO_PLACE && m->lagging && i < PLACES;
	     i++)
		if (mapfile_lock(file, i))
			m->place = i;
	if (m->place != NO_PLACE)
		atomic_store(&data_of(m)->lagging[m->place], m->lagging);
}

/* Of all places but `self` whose process lives. */
static int64_t lagging_of_others(const struct layout *data,
				 const struct mapfile *file, unsigned self)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < PLACES; i++) {
		int64_t n = atomic_load(&data->lagging[i]);

		if (n && i != self && mapfile_locked(file, i))
			sum += n;
	}
	return sum;
}

static int64_t lagging_of_all(struct metrics *m)
{
	if (!m->file_count)
		return m->lagging;
	return m->lagging + lagging_of_others(data_of(m),
					      m->files[m->file_count - 1],
					      m->place);
}

/* ---- looking on ---- */

void metrics_look(const char *database, struct metrics_sample *out)
{
	char *real = realpath(database, NULL);
	const struct layout *data;
	struct mapfile *file;

	memset(out, 0, sizeof(*out));
	if (mapfile_open(&file, real ? real : database, &form, MAPFILE_LOOK,
			 NULL) == 0) {
		data = mapfile_data(file);
		for (int i = 0; i < METRICS; i++)
			out->counters[i] = atomic_load(&data->counters[i]);
		for (int i = 0; i < METRICS_LAGS; i++)
			out->lag[i] = atomic_load(&data->lag[i]);
		out->lagging = lagging_of_others(data, file, NO_PLACE);
		mapfile_close(file);
	}
	free(real);
}

/* Less than before: the file was made anew. */
static uint64_t lag_grown(const struct metrics_sample *before,
			  const struct metrics_sample *after, size_t i)
{
	return after->lag[i] > before->lag[i] ? after->lag[i] - before->lag[i]
					      : 0;
}

int64_t metrics_lag_between(const struct metrics_sample *before,
			    const struct metrics_sample *after, double q)
{
	uint64_t count = 0, seen = 0;

	for (size_t i = 0; i <= LAGS; i++)
		count += lag_grown(before, after, i);
	if (!count)
		return -1;
	for (size_t i = 0; i < LAGS; i++) {
		seen += lag_grown(before, after, i);
		if ((double)seen >= q * (double)count)
			return lag_ms[i];
	}
	return INT64_MAX;
}

/* ---- as text ---- */

static void put_head(struct buf *out, const char *name, const char *help,
		     const char *type)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_put_gauge(struct buf *out, const char *name, const char *help,
		       int64_t value)
{
	put_head(out, name, help, "gauge");
	buf_printf(out, "%s %lld\n", name, (long long)value);
}

static void put_family(const struct layout *data, const struct family *f,
		       struct buf *out)
{
	put_head(out, f->name, f->help, "counter");
	for (unsigned i = 0; i < f->count; i++) {
		unsigned long long n =
		    atomic_load(&data->counters[(unsigned)f->first + i]);

		if (f->label)
			buf_printf(out, "%s{%s=\"%s\"} %llu\n", f->name,
				   f->label, f->values[i], n);
		else
			buf_printf(out, "%s %llu\n", f->name, n);
	}
}

static void put_lag(const struct layout *data, struct buf *out)
{
	static const char name[] = "belfry_lag_seconds";
	unsigned long long count = 0, sum = atomic_load(&data->lag_sum_ms);

	put_head(out, name,
		 "From an event's making to when it was written to streams.",
		 "histogram");
	for (size_t i = 0; i < LAGS; i++) {
		count += atomic_load(&data->lag[i]);
		buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name,
			   (double)lag_ms[i] / 1000, count);
	}
	count += atomic_load(&data->lag[LAGS]);
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, count);
	buf_printf(out, "%s_sum %llu.%03llu\n%s_count %llu\n", name, sum / 1000,
		   sum % 1000, name, count);
}

void metrics_put(struct metrics *m, struct buf *out)
{
	for (size_t i = 0; i < FAMILIES; i++)
		put_family(data_of(m), &families[i], out);
	put_lag(data_of(m), out);
	metrics_put_gauge(out, "belfry_streams_lagging",
			  "Streams that wait for their turn or their reader.",
			  lagging_of_all(m));
}
