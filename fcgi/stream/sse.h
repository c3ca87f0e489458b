/*
 * sse: one Server-Sent Event as bytes.  Pure.
 *
 * The data must be one line (JSON as lib/json writes it has no line breaks). LF
 * only.
 */
#ifndef BELFRY_SSE_H
#define BELFRY_SSE_H

#include <stdint.h>

#include "lib/buf.h"

#define SSE_NO_ID INT64_C(-1)

/* "retry: N\n" in front of an event; N is raised to 1000. */
void sse_put_retry(struct buf *b, int64_t ms);
/* "event: …\nid: …\ndata: " — the caller appends one line of data … */
void sse_begin(struct buf *b, const char *event, int64_t id);
/* … and closes with the blank line. */
void sse_end(struct buf *b);
/* All three at once. */
void sse_put(struct buf *b, const char *event, int64_t id, struct span data);

#endif
