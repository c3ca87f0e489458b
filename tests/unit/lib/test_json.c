/*
 * What is taken and what is refused (after the cases that N. Seriot's "Parsing
 * JSON is a minefield" found parsers to disagree on), and that what is written
 * reads back as what it was.
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
#include "lib/err.h"
#include "lib/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BOTTOM	 "\xef\xbf\xbd" /* U+FFFD */

static struct json *parsed(struct span text)
{
	struct json *root = NULL;
	struct err err;

	if (json_parse(text, &root, &err) < 0)
		fail_msg("%.*s: %s", (int)text.len, text.data, err.message);
	return root;
}

static void assert_buf(const struct buf *b, struct span expected)
{
	if (!span_equal(buf_span(b), expected))
		fail_msg("got %.*s, expected %.*s", (int)b->len,
			 buf_span(b).data, (int)expected.len, expected.data);
}

/* Parsed and written again. */
static void assert_compact(struct span text, const char *expected)
{
	struct json *root = parsed(text);
	struct buf b;

	buf_init(&b, 1 << 20);
	json_write_value(&b, root);
	assert_buf(&b, span_of(expected));
	buf_fini(&b);
	json_free(root);
}

static void good_texts(void **state)
{
	const struct span texts[] = {
	    SPAN("null"),
	    SPAN("true"),
	    SPAN("false"),
	    SPAN("0"),
	    SPAN("-0"),
	    SPAN("-1"),
	    SPAN("123"),
	    SPAN("1.5"),
	    SPAN("1e5"),
	    SPAN("1E+5"),
	    SPAN("-0.1e-12"),
	    SPAN("1e400"),
	    SPAN("123456789012345678901234567890"),
	    SPAN("\"\""),
	    SPAN("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\""),
	    SPAN("\"\\ud800\""),
	    SPAN("\"\\u0000\""),
	    SPAN("\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \x7f\""),
	    SPAN("\"\xe2\x80\xa8\""),
	    SPAN("[]"),
	    SPAN("{}"),
	    SPAN("[[],{}]"),
	    SPAN(" \t\r\n[ 1 , 2 ]\n "),
	    SPAN("{ \"a\" : { \"b\" : [ null ] } , \"a\" : 2 }"),
	    SPAN("{\"\":0}"),
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		assert_true(json_valid(texts[i]));
		json_free(parsed(texts[i]));
	}
}

static void bad_texts(void **state)
{
	const struct span texts[] = {
	    SPAN(""),
	    SPAN(" "),
	    SPAN("nul"),
	    SPAN("nulll"),
	    SPAN("NULL"),
	    SPAN("True"),
	    SPAN("NaN"),
	    SPAN("Infinity"),
	    SPAN("-Infinity"),
	    SPAN("-"),
	    SPAN("+1"),
	    SPAN("01"),
	    SPAN("-01"),
	    SPAN("1."),
	    SPAN(".5"),
	    SPAN("1.e5"),
	    SPAN("1e"),
	    SPAN("1e+"),
	    SPAN("0x10"),
	    SPAN("1 2"),
	    SPAN("1,"),
	    SPAN("\""),
	    SPAN("\"a"),
	    SPAN("'a'"),
	    SPAN("\"\\"),
	    SPAN("\"\\\""),
	    SPAN("\"\\x41\""),
	    SPAN("\"\\u12\""),
	    SPAN("\"\\u12g4\""),
	    SPAN("\"a\nb\""),
	    SPAN("\"a\0b\""),
	    SPAN("\"\x1f\""),
	    SPAN("["),
	    SPAN("[1"),
	    SPAN("[1,"),
	    SPAN("[1,]"),
	    SPAN("[,1]"),
	    SPAN("[1 2]"),
	    SPAN("[1}"),
	    SPAN("]"),
	    SPAN("{"),
	    SPAN("{\"a\""),
	    SPAN("{\"a\":"),
	    SPAN("{\"a\":1"),
	    SPAN("{\"a\":1,}"),
	    SPAN("{a:1}"),
	    SPAN("{1:1}"),
	    SPAN("{\"a\" 1}"),
	    SPAN("{\"a\":1]"),
	    SPAN("{\"a\":}"),
	    SPAN("[]]"),
	    SPAN("/**/1"),
	    SPAN("1//x"),
	    SPAN("\xef\xbb\xbf"
		 "1"),
	    SPAN("1\0"),
	    SPAN("\"\xff\""),
	    SPAN("\"\xc3\""),
	    SPAN("\"\xed\xa0\x80\""),
	    SPAN("\"\xc0\x80\""),
	    SPAN("\xa0"
		 "1"),
	    SPAN("{\"a\":1}x"),
	    SPAN("[1\x0b]"),
	    SPAN("{\"\xff\":1}"),
	};
	size_t i;

	(void)state;
	assert_false(json_valid(SPAN_NONE));
	for (i = 0; i < COUNT(texts); i++) {
		struct json *root = NULL;
		struct err err = {ERR_OK, ""};

		if (json_valid(texts[i]) ||
		    json_parse(texts[i], &root, &err) == 0)
			fail_msg("taken: %.*s", (int)texts[i].len,
				 texts[i].data);
		assert_int_equal(err.code, ERR_INVALID);
		assert_null(root);
	}
}

static void messages_say_where_and_what(void **state)
{
	const struct {
		struct span text;
		const char *message;
	} cases[] = {
	    {SPAN("{\"a\":1,}"),
	     "JSON: expected a member name in quotes at byte 7, got }"},
	    {SPAN("[1"), "JSON: expected ',' or ']' at byte 2, got the end"},
	    {SPAN("[\"a\xff\"]"), "JSON: expected UTF-8 at byte 3, got 0xff"},
	    {SPAN("1 x"),
	     "JSON: expected nothing after the value at byte 2, got x"},
	    {SPAN("\"\n\""), "JSON: expected control characters to be "
			     "escaped at byte 1, got 0x0a"},
	};
	struct json *root;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(json_parse(cases[i].text, &root, &err), -1);
		assert_string_equal(err.message, cases[i].message);
	}
}

/* n arrays, or objects, around a number. */
static char *nested(size_t n, bool objects, size_t *len)
{
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 20);
	for (i = 0; i < n; i++)
		buf_puts(&b, objects ? "{\"a\":" : "[");
	buf_putc(&b, '1');
	for (i = 0; i < n; i++)
		buf_putc(&b, objects ? '}' : ']');
	return buf_take(&b, len);
}

static void depth_is_bounded(void **state)
{
	size_t n;
	int objects;

	(void)state;
	for (objects = 0; objects < 2; objects++) {
		for (n = JSON_DEPTH_MAX - 1; n < JSON_DEPTH_MAX + 2; n++) {
			struct json *root = NULL;
			struct span text;
			char *data = nested(n, objects, &text.len);
			int result;

			text.data = data;
			result = json_parse(text, &root, NULL);
			assert_int_equal(result, n <= JSON_DEPTH_MAX ? 0 : -1);
			assert_int_equal(json_valid(text), result == 0);
			json_free(root);
			free(data);
		}
	}
}

static void values_have_their_types(void **state)
{
	struct json *root =
	    parsed(SPAN("[null,true,7,7.5,\"s\",[1],{\"a\":1},1e2,"
			"9223372036854775807,-9223372036854775808,"
			"9223372036854775808,-9223372036854775809]"));
	static const enum json_type types[] = {
	    JSON_NULL,	 JSON_BOOL,  JSON_INT,	  JSON_NUMBER,
	    JSON_STRING, JSON_ARRAY, JSON_OBJECT, JSON_NUMBER,
	    JSON_INT,	 JSON_INT,   JSON_NUMBER, JSON_NUMBER};
	size_t i;

	(void)state;
	assert_int_equal(json_count(root), COUNT(types));
	for (i = 0; i < COUNT(types); i++)
		assert_int_equal(json_type(json_at(root, i)), types[i]);
	assert_null(json_at(root, COUNT(types)));
	assert_true(json_bool(json_at(root, 1)));
	assert_int_equal(json_int(json_at(root, 2)), 7);
	assert_true(span_equal(json_string(json_at(root, 4)), SPAN("s")));
	assert_int_equal(json_count(json_at(root, 5)), 1);
	assert_int_equal(json_count(json_at(root, 6)), 1);
	assert_true(json_int(json_at(root, 8)) == INT64_MAX);
	assert_true(json_int(json_at(root, 9)) == INT64_MIN);
	json_free(root);
}

static void getters_of_the_wrong_type(void **state)
{
	struct json *root = parsed(SPAN("\"7\""));
	bool found = true;

	(void)state;
	assert_int_equal(json_int(root), 0);
	assert_false(json_bool(root));
	assert_int_equal(json_count(root), 0);
	assert_null(json_at(root, 0));
	assert_null(json_get(root, "a", &found));
	assert_false(found);
	assert_int_equal(json_type(NULL), JSON_NULL);
	assert_null(json_string(NULL).data);
	assert_null(json_get(NULL, "a", NULL));
	assert_int_equal(json_each(NULL, NULL, NULL), 0);
	json_free(root);
	json_free(NULL);
}

static void members_absent_and_null(void **state)
{
	struct json *root = parsed(SPAN("{\"a\":null,\"b\":1}"));
	bool found;

	(void)state;
	assert_int_equal(json_type(json_get(root, "a", &found)), JSON_NULL);
	assert_true(found);
	assert_int_equal(json_int(json_get(root, "b", &found)), 1);
	assert_true(found);
	assert_null(json_get(root, "c", &found));
	assert_false(found);
	json_free(root);
}

static void strings_keep_nul_and_unicode(void **state)
{
	struct json *root =
	    parsed(SPAN("[\"a\\u0000b\",\"\\uD83D\\uDE00\",\"\\u2028\"]"));

	(void)state;
	assert_true(span_equal(json_string(json_at(root, 0)), SPAN("a\0b")));
	assert_true(span_equal(json_string(json_at(root, 1)),
			       SPAN("\xf0\x9f\x98\x80")));
	assert_true(
	    span_equal(json_string(json_at(root, 2)), SPAN("\xe2\x80\xa8")));
	json_free(root);
}

/* The first and the last of each length, and what a pair must not be. */
static void every_character_can_be_escaped(void **state)
{
	assert_compact(SPAN("\"\\u007f\\u0080\\u07FF\\u0800\\uffff\""),
		       "\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\"");
	assert_compact(SPAN("\"\\ud800\\udc00\\uD836\\uDE00\\udbff\\udfff\""),
		       "\"\xf0\x90\x80\x80\xf0\x9d\xa8\x80\xf4\x8f\xbf\xbf\"");
	assert_compact(
	    SPAN("\"\\ud83d|\\ude00|\\ud83d\\n|\\ud83d\\ud83d\\ude00\""),
	    "\"" BOTTOM "|" BOTTOM "|" BOTTOM "\\n|" BOTTOM
	    "\xf0\x9f\x98\x80\"");
	(void)state;
}

static void of_two_members_the_last_one_counts(void **state)
{
	(void)state;
	assert_compact(
	    SPAN("{\"a\":1,\"b\":[{}],\"\\u0061\":{\"c\":3},\"b\":2}"),
	    "{\"a\":{\"c\":3},\"b\":2}");
	assert_compact(
	    SPAN("[{\"\":1,\"\":2,\"\":3},{\"b\":1,\"a\":1,\"b\":1}]"),
	    "[{\"\":3},{\"b\":1,\"a\":1}]");
}

static void a_member_name_with_nul_is_refused(void **state)
{
	struct json *root = NULL;
	struct err err;
	struct span text = SPAN("{\"title\\u0000x\":1}");

	(void)state;
	assert_true(json_valid(text));
	assert_int_equal(json_parse(text, &root, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(root);
}

struct visit {
	struct buf names;
	int stop_at;
};

static int visit(void *context, const char *name, const struct json *v)
{
	struct visit *seen = context;

	buf_puts(&seen->names, name);
	return json_int(v) == seen->stop_at ? 7 : 0;
}

static void each_goes_in_order_until_told(void **state)
{
	struct json *root = parsed(SPAN("{\"b\":1,\"a\":2,\"c\":3}"));
	struct visit seen = {.stop_at = 0};

	(void)state;
	buf_init(&seen.names, 100);
	assert_int_equal(json_each(root, visit, &seen), 0);
	assert_buf(&seen.names, SPAN("bac"));
	buf_reset(&seen.names);
	seen.stop_at = 2;
	assert_int_equal(json_each(root, visit, &seen), 7);
	assert_buf(&seen.names, SPAN("ba"));
	buf_fini(&seen.names);
	json_free(root);
}

static void values_are_written_compact(void **state)
{
	(void)state;
	assert_compact(SPAN(" { \"a\" : [ 1 , null , true , false ] ,\n"
			    "\"b\" : { } , \"c\" : [ ] } "),
		       "{\"a\":[1,null,true,false],\"b\":{},\"c\":[]}");
	assert_compact(SPAN("\"\\u0000\\u2028\\/\\u001f\\u00e9\""),
		       "\"\\u0000\\u2028/\\u001f\xc3\xa9\"");
	assert_compact(SPAN("null"), "null");
}

static void numbers_keep_their_digits(void **state)
{
	static const char *const numbers[] = {
	    "0.10000000000000000000000000001",
	    "1.0",
	    "1e5",
	    "1E400",
	    "1e+000",
	    "99999999999999999999e+000",
	    "-0e+000",
	    "9223372036854775807",
	    "9223372036854775808",
	    "-9223372036854775808",
	    "-9223372036854775809",
	    "18446744073709551616",
	    "123456789012345678901234567890",
	    "[123456789012345678901234567890,-99999999999999999999]",
	    "{\"a\\\"1\":99999999999999999999,\"b\":\"99999999999999999999\"}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(numbers); i++)
		assert_compact(span_of(numbers[i]), numbers[i]);
}

static void strings_are_repaired(void **state)
{
	const struct {
		struct span text, json;
	} cases[] = {
	    {SPAN(""), SPAN("\"\"")},
	    {SPAN_NONE, SPAN("\"\"")},
	    {SPAN("plain text, long enough for words of eight"),
	     SPAN("\"plain text, long enough for words of eight\"")},
	    {SPAN("a\"b\\c/d"), SPAN("\"a\\\"b\\\\c/d\"")},
	    {SPAN("\n\r\t\x01\x1f\x7f"),
	     SPAN("\"\\n\\r\\t\\u0001\\u001f\x7f\"")},
	    {SPAN("a\0b"), SPAN("\"a" BOTTOM "b\"")},
	    {SPAN("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
	     SPAN("\"\\u2028\\u2029\xe2\x80\xaa\"")},
	    {SPAN("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
	     SPAN("\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"")},
	    /* One for each maximal subpart: the Unicode standard's own
	     * example of chapter 3.9. */
	    {SPAN("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64"),
	     SPAN("\"a" BOTTOM BOTTOM BOTTOM "b" BOTTOM "c" BOTTOM BOTTOM
		  "d\"")},
	    {SPAN("\xed\xa0\x80"), SPAN("\"" BOTTOM BOTTOM BOTTOM "\"")},
	    {SPAN("x\xf0\x9f\x98"), SPAN("\"x" BOTTOM "\"")},
	};
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		json_write_string(&b, cases[i].text);
		assert_buf(&b, cases[i].json);
		assert_true(json_valid(buf_span(&b)));
	}
	buf_fini(&b);
}

/* A special byte at every place of the words that are looked at at once. */
static void every_byte_at_every_place(void **state)
{
	char text[24];
	struct buf b;
	size_t at, i;
	int c;

	(void)state;
	buf_init(&b, 1000);
	for (at = 0; at < sizeof(text); at++) {
		for (c = 0; c < 256; c++) {
			struct json *root;
			struct span expected = {text, sizeof(text)};

			memset(text, 'x', sizeof(text));
			text[at] = (char)c;
			buf_reset(&b);
			json_write_string(&b, expected);
			for (i = 0; i < b.len; i++)
				assert_true((unsigned char)b.data[i] >= 0x20);
			root = parsed(buf_span(&b));
			if (c == 0 || c >= 0x80) {
				assert_int_equal(json_string(root).len,
						 sizeof(text) + 2);
				assert_memory_equal(json_string(root).data + at,
						    BOTTOM, 3);
			} else {
				assert_true(
				    span_equal(json_string(root), expected));
			}
			json_free(root);
		}
	}
	buf_fini(&b);
}

static void a_cut_string_ends_between_characters(void **state)
{
	const struct span text = SPAN("ab\"\xc3\xbc\xf0\x9f\x98\x80\x01z");
	/* ab \" ü 😀 \u0001 z: where each one ends, with the quotes */
	static const size_t ends[] = {2, 3, 4, 6, 8, 12, 18, 19};
	struct buf whole, b;
	size_t max, e;

	(void)state;
	buf_init(&whole, 100);
	buf_init(&b, 100);
	assert_false(json_write_string_cut(&whole, text, 19));
	assert_int_equal(whole.len, 19);
	for (max = 2; max < 25; max++) {
		for (e = COUNT(ends) - 1; ends[e] > max; e--)
			continue;
		buf_reset(&b);
		assert_int_equal(json_write_string_cut(&b, text, max),
				 max < 19);
		assert_int_equal(b.len, ends[e]);
		assert_memory_equal(b.data, whole.data, b.len - 1);
		assert_int_equal(b.data[b.len - 1], '"');
	}
	buf_fini(&b);
	buf_fini(&whole);
}

static void raw_texts(void **state)
{
	const struct {
		struct span text, json;
	} cases[] = {
	    {SPAN("{\"a\":\n\t1.50,\r\n\"b\":1e400}"),
	     SPAN("{\"a\":  1.50,  \"b\":1e400}")},
	    {SPAN("\"\xe2\x80\xa8\\ud800\""), SPAN("\"\xe2\x80\xa8\\ud800\"")},
	    {SPAN("{\"\\u0000a\":1}"), SPAN("{\"\\u0000a\":1}")},
	    {SPAN("{broken"), SPAN("\"{broken\"")},
	    {SPAN("a\nb"), SPAN("\"a\\nb\"")},
	    {SPAN(""), SPAN("\"\"")},
	    {SPAN("\"\xff\""), SPAN("\"\\\"" BOTTOM "\\\"\"")},
	};
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		json_write_raw(&b, cases[i].text);
		assert_buf(&b, cases[i].json);
	}
	buf_fini(&b);
}

/* White space at each place of a text, beside bytes that look like it. */
static void a_raw_text_is_one_line(void **state)
{
	char text[] = "[\"\xc3\xa9\x7f \xc2\x80\" , 1 ,  22222222 , {} ]";
	const size_t n = sizeof(text) - 1;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < n; i++) {
		char with[sizeof(text)];

		if (text[i] != ' ' || i < 8)
			continue; /* not in the string */
		memcpy(with, text, sizeof(text));
		with[i] = "\t\n\r"[i % 3];
		buf_reset(&b);
		json_write_raw(&b, (struct span){with, n});
		assert_buf(&b, span_of(text));
	}
	buf_fini(&b);
}

static void writing_over_the_cap_is_noted(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	json_write_string(&b, SPAN("abcdef"));
	assert_true(b.overflow);
	buf_reset(&b);
	json_write_raw(&b, SPAN("[1,2]"));
	assert_true(b.overflow);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_texts),
	    cmocka_unit_test(bad_texts),
	    cmocka_unit_test(messages_say_where_and_what),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(values_have_their_types),
	    cmocka_unit_test(getters_of_the_wrong_type),
	    cmocka_unit_test(members_absent_and_null),
	    cmocka_unit_test(strings_keep_nul_and_unicode),
	    cmocka_unit_test(every_character_can_be_escaped),
	    cmocka_unit_test(of_two_members_the_last_one_counts),
	    cmocka_unit_test(a_member_name_with_nul_is_refused),
	    cmocka_unit_test(each_goes_in_order_until_told),
	    cmocka_unit_test(values_are_written_compact),
	    cmocka_unit_test(numbers_keep_their_digits),
	    cmocka_unit_test(strings_are_repaired),
	    cmocka_unit_test(every_byte_at_every_place),
	    cmocka_unit_test(a_cut_string_ends_between_characters),
	    cmocka_unit_test(raw_texts),
	    cmocka_unit_test(a_raw_text_is_one_line),
	    cmocka_unit_test(writing_over_the_cap_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
