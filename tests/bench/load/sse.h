/*
 * sse: events out of the bytes of a stream.
 */
#ifndef BENCH_SSE_H
#define BENCH_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sse_event {
	const char *id; /* NULL: none */
	size_t id_len;
	int64_t retry_ms; /* -1: none */
	bool has_data;
	/* of a payload {"t":…,"n":…}, wherever in the data it stands */
	bool has_payload;
	int64_t sent_ns;
	uint64_t number;
};

typedef void sse_event_fn(void *context, const struct sse_event *event);

/* Calls fn for every event that is all there; returns how many bytes those
 * took.  What remains has to come again, with more after it. */
size_t sse_scan(const char *data, size_t len, sse_event_fn *fn, void *context);

#endif
