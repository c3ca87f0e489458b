/*
 * stats_numbers: what happened between two moments, as numbers and text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/stats.h"

#define NS_PER_S     1e9
#define S_PER_MINUTE 60
#define S_PER_HOUR   3600
#define S_PER_DAY    86400

/* Per second, of what grew by n; "-" when there is nothing to compare with. */
const char *stats_rate(char out[static STATS_TEXT_BYTES],
		       const struct stats_view *v,
		       const struct stats_moment *now, uint64_t grown)
{
	double s;

	if (!v->past_count)
		return strcpy(out, "-");
	s = (double)(now->mono_ns - v->past[0].mono_ns) / NS_PER_S;
	snprintf(out, STATS_TEXT_BYTES, "%.1f/s",
		 s > 0 ? (double)grown / s : 0);
	return out;
}

/* How much the counters first … last have grown together in the last interval.
 * Less than before: their file was made anew. */
uint64_t stats_grown(const struct stats_view *v, const struct stats_moment *now,
		     int first, int last)
{
	uint64_t sum = 0;

	if (!v->past_count)
		return 0;
	for (int i = first; i <= last; i++) {
		uint64_t was = v->past[0].sample.counters[i];
		uint64_t is = now->sample.counters[i];

		sum += is > was ? is - was : 0;
	}
	return sum;
}

uint64_t stats_events(const struct stats_view *v,
		      const struct stats_moment *now)
{
	if (!v->past_count || now->seq < v->past[0].seq)
		return 0;
	return (uint64_t)(now->seq - v->past[0].seq);
}

const char *stats_lag(char out[static STATS_TEXT_BYTES],
		      const struct stats_view *v,
		      const struct stats_moment *now, double q)
{
	const struct stats_moment *first =
	    v->past_count ? &v->past[v->past_count - 1] : now;
	int64_t ms = metrics_lag_between(&first->sample, &now->sample, q);

	if (ms < 0)
		return strcpy(out, "-");
	if (ms == INT64_MAX)
		return strcpy(out, STATS_TOO_LATE);
	snprintf(out, STATS_TEXT_BYTES, "%" PRId64 " ms", ms);
	return out;
}

const char *stats_age(char out[static STATS_TEXT_BYTES], int64_t ms)
{
	long s = ms > 0 ? (long)(ms / 1000) : 0;

	if (s < S_PER_MINUTE)
		snprintf(out, STATS_TEXT_BYTES, "%ld s", s);
	else if (s < S_PER_HOUR)
		snprintf(out, STATS_TEXT_BYTES, "%ld min", s / S_PER_MINUTE);
	else if (s < S_PER_DAY)
		snprintf(out, STATS_TEXT_BYTES, "%ld h %ld min", s / S_PER_HOUR,
			 s % S_PER_HOUR / S_PER_MINUTE);
	else
		snprintf(out, STATS_TEXT_BYTES, "%ld d %ld h", s / S_PER_DAY,
			 s % S_PER_DAY / S_PER_HOUR);
	return out;
}
