/*
 * event: the data of each event, written by hand into one line of JSON.
 *
 * A row becomes bytes in three steps: event.c writes its JSON, sse.c the lines
 * around the JSON, frame.c keeps the result for all streams that are sent it.
 */
#include "stream/event.h"

#include <inttypes.h>

#include "lib/crypto.h"
#include "lib/json.h"
#include "stream/sse.h"

#define RETRY_POLL_MS 1000

int64_t event_jitter(int64_t ms)
{
	uint16_t dice;

	crypto_random(&dice, sizeof(dice));
	return ms * 3 / 4 + ms / 2 * dice / UINT16_MAX;
}

void event_put_connected(struct buf *b, const struct event_connected *c)
{
	sse_put_retry(b, c->poll ? RETRY_POLL_MS : event_jitter(c->retry_ms));
	sse_begin(b, "connected", c->from);
	buf_printf(b,
		   "{\"message\":\"Connected to notification stream\","
		   "\"timestamp\":%" PRId64 ",\"resumed\":%s,",
		   c->now_ms, c->resumed ? "true" : "false");
	if (c->from != SSE_NO_ID)
		buf_printf(b, "\"from\":\"%" PRId64 "\",", c->from);
	buf_printf(b, "\"latest\":\"%" PRId64 "\",\"epoch\":", c->latest);
	json_write_string(b, span_of(c->epoch));
	buf_printf(
	    b, ",\"heartbeatMs\":%" PRId64 ",\"unreadCount\":%" PRId64 "%s}",
	    c->heartbeat_ms, c->unread_count, c->poll ? ",\"poll\":true" : "");
	sse_end(b);
}

void event_put_reset(struct buf *b, enum journal_reset reason, int64_t latest)
{
	sse_begin(b, "reset", latest);
	buf_printf(b, "{\"reason\":\"%s\",\"latest\":\"%" PRId64 "\"}",
		   journal_reset_name(reason), latest);
	sse_end(b);
}

const char *event_close_name(enum event_close reason)
{
	static const char *const names[] = {"session", "evicted", "lifetime",
					    "shutdown", "refused"};

	return names[reason];
}

void event_put_close(struct buf *b, enum event_close reason,
		     int64_t retry_after_ms)
{
	sse_put_retry(b, retry_after_ms);
	sse_begin(b, "close", SSE_NO_ID);
	buf_printf(b, "{\"reason\":\"%s\",\"retryAfterMs\":%" PRId64 "}",
		   event_close_name(reason), retry_after_ms);
	sse_end(b);
}

void event_put_heartbeat(struct buf *b, int64_t cursor, int64_t now_ms)
{
	sse_begin(b, "heartbeat", cursor);
	buf_printf(b, "{\"timestamp\":%" PRId64 "}", now_ms);
	sse_end(b);
}

bool event_begin_row(struct buf *b, const struct journal_row *row)
{
	bool whole =
	    row->action == JOURNAL_CREATED || row->action == JOURNAL_UPDATED;

	if (row->action > JOURNAL_ALL_READ || (whole && !row->has_notification))
		return false;
	sse_begin(b, "notification", row->id);
	buf_puts(b, "{\"action\":\"");
	buf_puts(b, journal_action_name(row->action));
	if (whole) {
		buf_puts(b, "\",\"notification\":");
		notification_write_json(b, &row->notification,
					NOTIFICATION_STREAM);
		return true;
	}
	buf_puts(b, row->action == JOURNAL_ALL_READ ? "\",\"through\":"
						    : "\",\"notificationId\":");
	buf_put_int(b, row->notification_id);
	return true;
}

void event_end_row(struct buf *b, int64_t unread_count)
{
	if (unread_count != EVENT_NO_COUNT) {
		buf_puts(b, ",\"unreadCount\":");
		buf_put_int(b, unread_count);
	}
	buf_putc(b, '}');
	sse_end(b);
}
