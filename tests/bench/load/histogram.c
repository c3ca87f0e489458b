/*
 * histogram: 32 buckets for each doubling, so that memory is fixed and the
 * error the same everywhere.
 */
#include "histogram.h"

#include <math.h>

#include "text.h"

#define SUB_BITS 5
#define SUB	 (1 << SUB_BITS)
#define MAX_NS	 ((INT64_C(1) << 40) - 1)

static int bucket_of(int64_t ns)
{
	int top;

	if (ns < SUB)
		return (int)ns;
	top = 63 - __builtin_clzll((unsigned long long)ns);
	return (top - SUB_BITS + 1) * SUB + (int)(ns >> (top - SUB_BITS)) - SUB;
}

static int64_t upper_end(int bucket)
{
	int doubling = bucket / SUB;

	if (doubling == 0)
		return bucket;
	return ((int64_t)(bucket % SUB + SUB + 1) << (doubling - 1)) - 1;
}

void histogram_add(struct histogram *h, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	if (ns > MAX_NS)
		ns = MAX_NS;
	h->counts[bucket_of(ns)]++;
	h->total++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

int64_t histogram_at(const struct histogram *h, double p)
{
	uint64_t wanted = (uint64_t)ceil((double)h->total * p / 100), seen = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS && h->total; i++) {
		seen += h->counts[i];
		if (seen >= wanted && seen)
			return upper_end(i) < h->max_ns ? upper_end(i)
							: h->max_ns;
	}
	return h->max_ns;
}

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

void histogram_json(const struct histogram *h, struct text *out)
{
	const char *comma = "";

	text_addf(out, "{\"count\":%llu,\"p50Ms\":%.4f,\"p90Ms\":%.4f,",
		  (unsigned long long)h->total, ms(histogram_at(h, 50)),
		  ms(histogram_at(h, 90)));
	text_addf(out, "\"p99Ms\":%.4f,\"p999Ms\":%.4f,\"maxMs\":%.4f,",
		  ms(histogram_at(h, 99)), ms(histogram_at(h, 99.9)),
		  ms(h->max_ns));
	text_addf(out, "\"buckets\":[");
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->counts[i])
			continue;
		text_addf(out, "%s[%.5g,%llu]", comma, ms(upper_end(i)),
			  (unsigned long long)h->counts[i]);
		comma = ",";
	}
	text_addf(out, "]}");
}
