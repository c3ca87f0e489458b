/*
 * event: every event of the stream as bytes (docs/protocol.md).  Pure.
 */
#ifndef BELFRY_EVENT_H
#define BELFRY_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"
#include "lib/buf.h"

#define EVENT_NO_COUNT INT64_C(-1)

struct event_connected {
	int64_t retry_ms, heartbeat_ms, now_ms;
	bool resumed; /* a cursor of the client's is honoured */
	int64_t from; /* where the stream goes on, and the frame's id;
			 SSE_NO_ID: a reset follows, which says it */
	int64_t latest;
	const char *epoch;
	int64_t unread_count;
	bool poll;
};
void event_put_connected(struct buf *b, const struct event_connected *c);
void event_put_reset(struct buf *b, enum journal_reset reason, int64_t latest);

enum event_close {
	EVENT_CLOSE_SESSION,
	EVENT_CLOSE_EVICTED,
	EVENT_CLOSE_LIFETIME,
	EVENT_CLOSE_SHUTDOWN,
	EVENT_CLOSE_REFUSED
};
const char *event_close_name(enum event_close reason);
void event_put_close(struct buf *b, enum event_close reason,
		     int64_t retry_after_ms);
void event_put_heartbeat(struct buf *b, int64_t cursor, int64_t now_ms);

/* A journal row, in two steps, because the unread count is known only after the
 * batch.  False: nothing to tell (a control row; or created or updated, and
 * the notification is not there for this user any more); nothing was appended
 * then. */
bool event_begin_row(struct buf *b, const struct journal_row *row);
void event_end_row(struct buf *b, int64_t unread_count);

/* `retry`, jittered by ±25 %, so that clients of one outage do not all come
 * back at once. */
int64_t event_jitter(int64_t ms);

#endif
