/*
 * Spans compare by content, buffers hold what was put in up to the cap and not
 * a byte more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"

static void assert_holds(const struct buf *b, const char *text)
{
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(buf_span(b).data, text, strlen(text));
}

static void spans_compare_by_content(void **state)
{
	char copy[] = "alice";

	(void)state;
	assert_true(span_equal(span_of(copy), SPAN("alice")));
	assert_true(span_equal_text(SPAN("alice"), copy));
	assert_false(span_equal(SPAN("alice"), SPAN("alic")));
	assert_false(span_equal(SPAN("alice"), SPAN("alicf")));
	assert_false(span_equal(SPAN("a\0b"), SPAN("a\0c")));
	assert_int_equal(SPAN("a\0b").len, 3);
}

static void absent_is_not_empty(void **state)
{
	(void)state;
	assert_true(span_equal(SPAN_NONE, span_of(NULL)));
	assert_false(span_equal(SPAN_NONE, SPAN("")));
	assert_false(span_equal(SPAN(""), SPAN_NONE));
	assert_true(span_equal(SPAN(""), span_of("")));
	assert_null(span_dup(SPAN_NONE));
}

static void dup_is_terminated(void **state)
{
	char *copy = span_dup((struct span){"alice and bob", 5});

	(void)state;
	assert_string_equal(copy, "alice");
	free(copy);
}

static void appends_of_all_kinds(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_null(b.data);
	assert_non_null(buf_span(&b).data);
	buf_append(&b, "ab", 2);
	buf_put(&b, SPAN("cd"));
	buf_put(&b, SPAN_NONE);
	buf_puts(&b, "ef");
	buf_putc(&b, 'g');
	buf_printf(&b, "-%d-%s", 42, "x");
	assert_holds(&b, "abcdefg-42-x");
	assert_false(b.overflow);
	buf_truncate(&b, 3);
	assert_holds(&b, "abc");
	buf_reset(&b);
	assert_holds(&b, "");
	buf_fini(&b);
}

static void integers(void **state)
{
	static const int64_t values[] = {
	    0, 1, -1, 9, 10, INT64_C(-10), INT64_MAX, INT64_MIN, 1790000000000};
	char expected[32];
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 100);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(expected, sizeof(expected), "%lld",
			 (long long)values[i]);
		buf_reset(&b);
		buf_put_int(&b, values[i]);
		assert_holds(&b, expected);
	}
	buf_fini(&b);
}

static void grows_and_keeps_what_it_has(void **state)
{
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 1 << 20);
	for (i = 0; i < 100000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 100000);
	assert_false(b.overflow);
	for (i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_fini(&b);
}

static void nothing_goes_over_the_cap(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_puts(&b, "abc");
	buf_puts(&b, "def");
	assert_true(b.overflow);
	assert_holds(&b, "abc");
	buf_puts(&b, "de");
	assert_holds(&b, "abcde");
	assert_true(b.cap <= 5);
	buf_putc(&b, 'f');
	buf_put_int(&b, 6);
	buf_printf(&b, "%0300d", 7);
	assert_null(buf_reserve(&b, 1));
	assert_holds(&b, "abcde");
	assert_true(b.overflow);
	buf_reset(&b);
	assert_false(b.overflow);
	buf_puts(&b, "12345");
	assert_false(b.overflow);
	buf_fini(&b);
}

static void a_huge_request_does_not_wrap_around(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 4);
	buf_puts(&b, "abc");
	assert_null(buf_reserve(&b, SIZE_MAX - 1));
	assert_true(b.overflow);
	assert_holds(&b, "abc");
	buf_fini(&b);
}

static void reserve_and_commit(void **state)
{
	struct buf b;
	char *room;

	(void)state;
	buf_init(&b, 4096);
	buf_puts(&b, "ab");
	room = buf_reserve(&b, 3000);
	assert_non_null(room);
	assert_holds(&b, "ab");
	memcpy(room, "cd", 2);
	buf_commit(&b, 2);
	assert_holds(&b, "abcd");
	buf_fini(&b);
}

static void a_long_printf_is_whole(void **state)
{
	char text[1001];
	struct buf b;

	(void)state;
	memset(text, 'y', 1000);
	text[1000] = '\0';
	buf_init(&b, 1000);
	buf_printf(&b, "%s", text);
	assert_false(b.overflow);
	assert_holds(&b, text);
	buf_fini(&b);
}

static void take_leaves_an_empty_buffer(void **state)
{
	struct buf b;
	size_t len;
	char *data;

	(void)state;
	buf_init(&b, 10);
	buf_puts(&b, "abc");
	data = buf_take(&b, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	free(data);
	buf_puts(&b, "0123456789");
	assert_holds(&b, "0123456789");
	free(buf_take(&b, &len));

	data = buf_take(&b, &len);
	assert_non_null(data);
	assert_int_equal(len, 0);
	free(data);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spans_compare_by_content),
	    cmocka_unit_test(absent_is_not_empty),
	    cmocka_unit_test(dup_is_terminated),
	    cmocka_unit_test(appends_of_all_kinds),
	    cmocka_unit_test(integers),
	    cmocka_unit_test(grows_and_keeps_what_it_has),
	    cmocka_unit_test(nothing_goes_over_the_cap),
	    cmocka_unit_test(a_huge_request_does_not_wrap_around),
	    cmocka_unit_test(reserve_and_commit),
	    cmocka_unit_test(a_long_printf_is_whole),
	    cmocka_unit_test(take_leaves_an_empty_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
