/*
 * Frames byte for byte, as docs/protocol.md shows them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "stream/sse.h"

static void assert_bytes(struct buf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data, expected, b->len);
	buf_reset(b);
}

static void frames(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	sse_put(&b, "notification", 1291, SPAN("{\"action\":\"created\"}"));
	assert_bytes(&b, "event: notification\nid: 1291\n"
			 "data: {\"action\":\"created\"}\n\n");
	sse_put(&b, "connected", SSE_NO_ID, SPAN("{}"));
	assert_bytes(&b, "event: connected\ndata: {}\n\n");
	sse_put(&b, "reset", 0, SPAN("{}"));
	assert_bytes(&b, "event: reset\nid: 0\ndata: {}\n\n");
	sse_put(&b, "heartbeat", INT64_MAX, SPAN("{}"));
	assert_bytes(&b, "event: heartbeat\nid: 9223372036854775807\n"
			 "data: {}\n\n");
	buf_fini(&b);
}

static void in_parts(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	sse_put_retry(&b, 3471);
	sse_begin(&b, "connected", 1234);
	buf_puts(&b, "{\"resumed\":true}");
	sse_end(&b);
	assert_bytes(&b, "retry: 3471\nevent: connected\nid: 1234\n"
			 "data: {\"resumed\":true}\n\n");
	buf_fini(&b);
}

static void retry_is_never_under_a_second(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	sse_put_retry(&b, 999);
	assert_bytes(&b, "retry: 1000\n");
	sse_put_retry(&b, -5);
	assert_bytes(&b, "retry: 1000\n");
	sse_put_retry(&b, 60000);
	assert_bytes(&b, "retry: 60000\n");
	buf_fini(&b);
}

static void a_frame_is_put_whole_or_not_at_all(void **state)
{
	struct buf b;
	size_t max;

	(void)state;
	for (max = 0; max < 300; max++) {
		buf_init(&b, max);
		buf_puts(&b, "x");
		sse_put(&b, "notification", 7, SPAN("{}"));
		if (b.overflow)
			assert_true(b.len <= 1);
		else
			assert_int_equal(
			    b.len, 1 + strlen("event: notification\nid: 7\n"
					      "data: {}\n\n"));
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames),
	    cmocka_unit_test(in_parts),
	    cmocka_unit_test(retry_is_never_under_a_second),
	    cmocka_unit_test(a_frame_is_put_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
