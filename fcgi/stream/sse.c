/*
 * A frame is its lines in a fixed order (retry, event, id, data) and a blank
 * one.  Nothing is checked here: event names are ours, and JSON has no line
 * breaks.
 */
#include "stream/sse.h"

#include <string.h>

#define RETRY_MIN_MS   1000
#define OVERHEAD_BYTES 64 /* field names, an id, line feeds */

void sse_put_retry(struct buf *b, int64_t ms)
{
	buf_put(b, SPAN("retry: "));
	buf_put_int(b, ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms);
	buf_putc(b, '\n');
}

void sse_begin(struct buf *b, const char *event, int64_t id)
{
	buf_put(b, SPAN("event: "));
	buf_puts(b, event);
	if (id != SSE_NO_ID) {
		buf_put(b, SPAN("\nid: "));
		buf_put_int(b, id);
	}
	buf_put(b, SPAN("\ndata: "));
}

void sse_end(struct buf *b)
{
	buf_put(b, SPAN("\n\n"));
}

void sse_put(struct buf *b, const char *event, int64_t id, struct span data)
{
	/* All or nothing: half a frame would swallow the next one. */
	if (!buf_reserve(b, strlen(event) + data.len + OVERHEAD_BYTES))
		return;
	sse_begin(b, event, id);
	buf_put(b, data);
	sse_end(b);
}
