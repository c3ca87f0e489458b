/*
 * A notification with any content becomes a frame, and a reader that follows
 * the WHATWG's event stream rules to the letter gets back exactly one event
 * with that id and that data, whatever frame stands before or after it.
 *
 * Input: one byte of switches, then the fields, each ended by 0xFE (a byte that
 * UTF-8 does not have).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/notification.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "stream/sse.h"

#define MAX_BYTES (1u << 24)
#define FIELD_END 0xfe
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a reader after https://html.spec.whatwg.org/#event-stream-interpretation
 * that aborts at what we never write ---- */

struct event {
	struct span type, data, id;
	bool has_data, has_id;
	int64_t retry; /* 0: none */
};

/* Cuts one line off the front.  CR and CR LF end lines as well, for a reader:
 * none of ours may have one. */
static struct span take_line(struct span *rest)
{
	const char *end =
	    rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	struct span line = *rest;

	CHECK(end); /* a frame ends with a blank line */
	line.len = (size_t)(end - rest->data);
	CHECK(!memchr(line.data, '\r', line.len));
	rest->data += line.len + 1;
	rest->len -= line.len + 1;
	return line;
}

static void take_field(struct event *e, struct span line)
{
	const char *colon = memchr(line.data, ':', line.len);
	struct span name, value;

	CHECK(colon && colon > line.data); /* comments are not ours either */
	name = (struct span){line.data, (size_t)(colon - line.data)};
	value = (struct span){colon + 1, line.len - name.len - 1};
	CHECK(value.len > 0 && value.data[0] == ' ');
	value.data++;
	value.len--;
	if (span_equal(name, SPAN("event"))) {
		CHECK(!e->type.data);
		e->type = value;
	} else if (span_equal(name, SPAN("data"))) {
		CHECK(!e->has_data); /* one line only */
		e->has_data = true;
		e->data = value;
	} else if (span_equal(name, SPAN("id"))) {
		CHECK(!e->has_id && !memchr(value.data, '\0', value.len));
		e->has_id = true;
		e->id = value;
	} else {
		CHECK(span_equal(name, SPAN("retry")));
		e->retry = strtoll(value.data, NULL, 10);
		CHECK(e->retry >= 1000);
	}
}

static struct event take_event(struct span *rest)
{
	struct event e = {0};
	struct span line;

	while ((line = take_line(rest)).len > 0)
		take_field(&e, line);
	CHECK(e.has_data && e.type.data);
	return e;
}

/* ---- input ---- */

static struct span take_input(const uint8_t **data, size_t *size)
{
	struct span field = {(const char *)*data, *size};
	const uint8_t *end = *size ? memchr(*data, FIELD_END, *size) : NULL;

	if (*size == 0)
		return SPAN_NONE;
	if (end)
		field.len = (size_t)(end - *data);
	*data += field.len + (end != NULL);
	*size -= field.len + (end != NULL);
	return field;
}

static struct notification any_notification(const uint8_t *data, size_t size,
					    unsigned switches)
{
	struct notification n = {.id = 7, .priority = 3};

	n.user_id = switches & 1 ? SPAN(NOTIFICATION_EVERYONE) : SPAN("u");
	n.read_at = switches & 2 ? INT64_MAX : 0;
	n.expires_at = switches & 4 ? 1 : 0;
	n.created_at = switches & 8 ? INT64_MIN : 0;
	n.title = take_input(&data, &size);
	n.body = take_input(&data, &size);
	n.data = take_input(&data, &size);
	n.link = take_input(&data, &size);
	n.type = take_input(&data, &size);
	return n;
}

/* A body of many times the same, so that short inputs reach the form that is
 * cut: long enough by itself, or when each byte becomes an escape.  These take
 * a thousand times as long, so one input in 97 is chosen, by a sum that its
 * mutants do not inherit. */
static void lengthen(struct buf *b, struct span text, const uint8_t *data,
		     size_t size)
{
	size_t wanted = NOTIFICATION_STREAM_MAX_BYTES / (data[0] & 16 ? 1 : 5);
	unsigned sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum += data[i] * 3u;
	if (sum % 97 != 0 || text.len == 0)
		wanted = 0;
	do
		buf_put(b, text);
	while (b->len < wanted);
}

static void check(const struct notification *n, int64_t id)
{
	struct event e;
	struct span rest;
	struct buf json, b;

	buf_init(&json, MAX_BYTES);
	buf_init(&b, MAX_BYTES);
	notification_write_json(&json, n, NOTIFICATION_STREAM);
	CHECK(!json.overflow && json.len <= NOTIFICATION_STREAM_MAX_BYTES);
	CHECK(json_valid(buf_span(&json)));

	sse_put_retry(&b, id);
	sse_put(&b, "connected", SSE_NO_ID, SPAN("{}"));
	sse_put(&b, "notification", id, buf_span(&json));
	sse_begin(&b, "heartbeat", 0);
	buf_put(&b, SPAN("{}"));
	sse_end(&b);
	CHECK(!b.overflow && !memchr(b.data, '\0', b.len));

	rest = buf_span(&b);
	e = take_event(&rest);
	CHECK(span_equal(e.type, SPAN("connected")) && !e.has_id);
	CHECK(e.retry == (id < 1000 ? 1000 : id));
	e = take_event(&rest);
	CHECK(span_equal(e.type, SPAN("notification")) && !e.retry);
	CHECK(e.has_id == (id != SSE_NO_ID));
	CHECK(!e.has_id || strtoll(e.id.data, NULL, 10) == id);
	CHECK(span_equal(e.data, buf_span(&json)));
	e = take_event(&rest);
	CHECK(span_equal(e.type, SPAN("heartbeat")) && e.has_id);
	CHECK(rest.len == 0);
	buf_fini(&b);
	buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t ids[] = {SSE_NO_ID, 0, 1291, INT64_MAX};
	struct notification n;
	struct buf body;

	if (size < 1)
		return 0;
	n = any_notification(data + 1, size - 1, data[0]);
	buf_init(&body, MAX_BYTES);
	if (n.body.data) {
		lengthen(&body, n.body, data, size);
		n.body = buf_span(&body);
	}
	check(&n, ids[data[0] >> 6]);
	buf_fini(&body);
	return 0;
}
