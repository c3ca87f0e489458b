/*
 * histogram: durations in nanoseconds, to within 3 %.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

struct text;

#define HISTOGRAM_BUCKETS 1184

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	int64_t max_ns;
};

/* Below 0 counts as 0, above 18 minutes as that. */
void histogram_add(struct histogram *h, int64_t ns);
/* Upper end of the bucket that p percent are in or below. */
int64_t histogram_at(const struct histogram *h, double p);
/* {"count":…,"p50Ms":…,…,"buckets":[[upper ms, count],…]} */
void histogram_json(const struct histogram *h, struct text *out);

#endif
