/*
 * Answers byte by byte: what every head has, what a problem says, and what
 * never gets into a head.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/answer.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "stream/open.h"

static void assert_bytes(const struct answer *a, const char *expected)
{
	char *got = span_dup(buf_span(&a->bytes));

	assert_string_equal(got, expected);
	free(got);
}

static int count_of(const struct answer *a, const char *needle)
{
	char *text = span_dup(buf_span(&a->bytes)), *at = text;
	int n = 0;

	while ((at = strstr(at, needle))) {
		n++;
		at++;
	}
	free(text);
	return n;
}

#define SECURITY                                                               \
	"X-Content-Type-Options: nosniff\r\n"                                  \
	"Content-Security-Policy: default-src 'none'; "                        \
	"frame-ancestors 'none'\r\n"                                           \
	"Cross-Origin-Resource-Policy: same-origin\r\n"                        \
	"Referrer-Policy: no-referrer\r\n"

static void json_has_head_and_body(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	answer_header(&a, "ETag", "W/\"x\"");
	answer_json(&a, 200, SPAN("{\"a\":1}"));
	assert_bytes(&a,
		     "Status: 200 OK\r\n"
		     "ETag: W/\"x\"\r\n" SECURITY "Cache-Control: no-store\r\n"
		     "Content-Type: application/json\r\n"
		     "Content-Length: 7\r\n\r\n"
		     "{\"a\":1}");
	assert_int_equal(a.status, 200);
	answer_fini(&a);
}

static void head_has_the_length_and_no_body(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	a.head_only = true;
	answer_json(&a, 200, SPAN("{\"a\":1}"));
	assert_int_equal(count_of(&a, "Content-Length: 7\r\n"), 1);
	assert_memory_equal(a.bytes.data + a.bytes.len - 4, "\r\n\r\n", 4);
	answer_fini(&a);
}

static void cache_control_of_a_handler_wins(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	answer_header(&a, "X-Cache-Control", "no");
	answer_header(&a, "cache-control", "private");
	answer_empty(&a, 304);
	assert_int_equal(count_of(&a, "no-store"), 0);
	assert_int_equal(count_of(&a, "cache-control: private\r\n"), 1);
	answer_fini(&a);
}

static void no_header_breaks_out_of_its_line(void **state)
{
	struct answer a;
	char *huge = mem_new(ANSWER_HEADERS_MAX_BYTES + 1);

	(void)state;
	memset(huge, 'x', ANSWER_HEADERS_MAX_BYTES);
	answer_init(&a);
	answer_header(&a, "Link", "a\r\nSet-Cookie: b");
	answer_header(&a, "Link", "a\nb");
	answer_header(&a, "Link", "a\rb");
	answer_header(&a, "Link", huge);
	answer_header(&a, "Location", "/7");
	answer_empty(&a, 204);
	assert_int_equal(count_of(&a, "Link"), 0);
	assert_int_equal(count_of(&a, "Cookie"), 0);
	assert_int_equal(count_of(&a, "Location: /7\r\n"), 1);
	answer_fini(&a);
	free(huge);
}

/* The body of a problem, parsed; the caller frees. */
static struct json *problem_of(struct answer *a)
{
	const char *body = memmem(a->bytes.data, a->bytes.len, "\r\n\r\n", 4);
	struct json *json;
	struct err err;
	size_t head;

	assert_non_null(body);
	assert_int_equal(
	    count_of(a, "Content-Type: application/problem+json\r\n"), 1);
	head = (size_t)(body + 4 - a->bytes.data);
	assert_int_equal(
	    json_parse((struct span){body + 4, a->bytes.len - head}, &json,
		       &err),
	    0);
	return json;
}

static void a_problem_has_its_four_members(void **state)
{
	struct answer a;
	struct err err;
	struct json *p;

	(void)state;
	answer_init(&a);
	answer_json(&a, 200, SPAN("\"half an answer\""));
	err_set(&err, ERR_NOT_FOUND, "no \"notification\" %d", 7);
	answer_problem(&a, &err);
	p = problem_of(&a);
	assert_int_equal(count_of(&a, "half an answer"), 0);
	assert_int_equal(json_count(p), 4);
	assert_true(span_equal_text(json_string(json_get(p, "type", NULL)),
				    "urn:belfry:error:not-found"));
	assert_true(span_equal_text(json_string(json_get(p, "title", NULL)),
				    "Not Found"));
	assert_int_equal(json_int(json_get(p, "status", NULL)), 404);
	assert_true(span_equal_text(json_string(json_get(p, "detail", NULL)),
				    "no \"notification\" 7"));
	json_free(p);
	answer_fini(&a);
}

static void a_problem_keeps_headers_and_drops_a_stream(void **state)
{
	struct answer a;
	struct err err;

	(void)state;
	answer_init(&a);
	answer_header(&a, "Vary", "Origin");
	answer_stream_head(&a);
	a.open = mem_new(sizeof(*a.open));
	err_set(&err, ERR_BUSY, "locked");
	answer_problem(&a, &err);
	assert_null(a.open);
	assert_int_equal(count_of(&a, "Vary: Origin\r\n"), 1);
	assert_int_equal(count_of(&a, "event-stream"), 0);
	answer_fini(&a);
}

static void the_table_of_problems(void **state)
{
	static const struct {
		enum err_code code;
		int status;
		const char *header; /* that it has, or NULL */
	} rows[] = {
	    {ERR_INVALID, 400, NULL},
	    {ERR_UNAUTHORIZED, 401, "WWW-Authenticate: Bearer\r\n"},
	    {ERR_DENIED, 403, NULL},
	    {ERR_NOT_FOUND, 404, NULL},
	    {ERR_METHOD, 405, NULL},
	    {ERR_CONFLICT, 409, NULL},
	    {ERR_TOO_LARGE, 413, NULL},
	    {ERR_MEDIA_TYPE, 415, NULL},
	    {ERR_LIMITED, 429, "Retry-After: 1\r\n"},
	    {ERR_BUSY, 503, "Retry-After: 1\r\n"},
	    {ERR_UNAVAILABLE, 503, "Retry-After: 5\r\n"},
	    {ERR_READONLY, 503, "Retry-After: 5\r\n"},
	    {ERR_CORRUPT, 503, "Retry-After: 5\r\n"},
	    {ERR_FULL, 507, NULL},
	    {ERR_IO, 500, NULL},
	    {ERR_INTERNAL, 500, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer a;
		struct err err;

		answer_init(&a);
		err_set(&err, rows[i].code, "why");
		answer_problem(&a, &err);
		assert_int_equal(a.status, rows[i].status);
		assert_string_not_equal(answer_reason(a.status), "Unknown");
		assert_int_equal(count_of(&a, "WWW-Authenticate") +
				     count_of(&a, "Retry-After"),
				 rows[i].header ? 1 : 0);
		if (rows[i].header)
			assert_int_equal(count_of(&a, rows[i].header), 1);
		answer_fini(&a);
	}
	assert_int_equal(answer_status_of(-1), 500);
	assert_int_equal(answer_status_of(ERR_CODES), 500);
}

static void retry_after_of_a_handler_wins(void **state)
{
	struct answer a;
	struct err err;

	(void)state;
	answer_init(&a);
	answer_header(&a, "Retry-After", "60");
	err_set(&err, ERR_LIMITED, "too many");
	answer_problem(&a, &err);
	assert_int_equal(count_of(&a, "Retry-After"), 1);
	assert_int_equal(count_of(&a, "Retry-After: 60\r\n"), 1);
	answer_fini(&a);
}

static void a_stream_head_is_as_promised(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	a.request_id = "one-of-ours";
	answer_header(&a, "Vary", "Origin");
	answer_stream_head(&a);
	assert_bytes(&a, "Status: 200 OK\r\n"
			 "Vary: Origin\r\n"
			 "Content-Type: text/event-stream; charset=utf-8\r\n"
			 "Cache-Control: no-store, no-transform\r\n"
			 "X-Accel-Buffering: no\r\n"
			 "X-Content-Type-Options: nosniff\r\n\r\n");
	answer_fini(&a);
}

static void a_body_over_the_cap_is_a_problem(void **state)
{
	struct answer a;
	struct buf big;

	(void)state;
	answer_init(&a);
	a.bytes.max = 1024;
	buf_init(&big, 2048);
	while (big.len < 1024)
		buf_puts(&big, "xxxxxxxxxxxxxxxx");
	answer_json(&a, 200, buf_span(&big));
	assert_int_equal(a.status, 500);
	assert_false(a.bytes.overflow);
	json_free(problem_of(&a));
	buf_fini(&big);
	answer_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_has_head_and_body),
	    cmocka_unit_test(head_has_the_length_and_no_body),
	    cmocka_unit_test(cache_control_of_a_handler_wins),
	    cmocka_unit_test(no_header_breaks_out_of_its_line),
	    cmocka_unit_test(a_problem_has_its_four_members),
	    cmocka_unit_test(a_problem_keeps_headers_and_drops_a_stream),
	    cmocka_unit_test(the_table_of_problems),
	    cmocka_unit_test(retry_after_of_a_handler_wins),
	    cmocka_unit_test(a_stream_head_is_as_promised),
	    cmocka_unit_test(a_body_over_the_cap_is_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
