/* fcgi: gathering in pieces of any size, libfcgi's parse, framing. */
#include "lib/fcgi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"

enum { BEGIN = 1, ABORT = 2, PARAMS = 4, STDIN = 5 };

static void put_record(struct buf *b, int type, int id, struct span content,
		       int padding)
{
	unsigned char head[8] = {1,
				 (unsigned char)type,
				 (unsigned char)(id >> 8),
				 (unsigned char)id,
				 (unsigned char)(content.len >> 8),
				 (unsigned char)content.len,
				 (unsigned char)padding,
				 0};

	buf_append(b, head, sizeof(head));
	buf_put(b, content);
	while (padding--)
		buf_putc(b, 'x');
}

static void put_begin(struct buf *b, int id, int role)
{
	char content[8] = {0, (char)role, 0, 0, 0, 0, 0, 0};

	put_record(b, BEGIN, id, (struct span){content, sizeof(content)}, 0);
}

static void put_pair(struct buf *b, const char *name, const char *value)
{
	size_t n = strlen(value);

	buf_putc(b, (char)strlen(name));
	if (n > 127) {
		buf_putc(b, (char)(0x80 | n >> 24));
		buf_putc(b, (char)(n >> 16));
		buf_putc(b, (char)(n >> 8));
	}
	buf_putc(b, (char)n);
	buf_puts(b, name);
	buf_puts(b, value);
}

static void put_request(struct buf *b, int id, struct span body)
{
	struct buf params;
	char longer[300];

	memset(longer, 'q', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	buf_init(&params, 4096);
	put_pair(&params, "REQUEST_METHOD", "POST");
	put_pair(&params, "QUERY_STRING", longer);
	put_pair(&params, "EMPTY", "");
	put_begin(b, id, 1);
	put_record(b, 9, 0, SPAN("management"), 3);
	put_record(b, PARAMS, id, (struct span){params.data, 10}, 6);
	put_record(b, PARAMS, id,
		   (struct span){params.data + 10, params.len - 10}, 0);
	put_record(b, PARAMS, id, SPAN(""), 0);
	put_record(b, STDIN, id, body, 5);
	put_record(b, STDIN, id, SPAN(""), 0);
	buf_fini(&params);
}

static enum fcgi_gathered feed(struct fcgi_gather *g, const struct buf *b,
			       size_t piece)
{
	enum fcgi_gathered result = FCGI_MORE;
	struct err err;

	for (size_t at = 0; at < b->len && result == FCGI_MORE; at += piece) {
		size_t n = b->len - at < piece ? b->len - at : piece;

		result = fcgi_gather_feed(g, b->data + at, n, &err);
	}
	return result;
}

static void any_pieces(void **state)
{
	static const size_t pieces[] = {1, 2, 7, 8, 9, 100, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct fcgi_gather g;
		struct request *r;
		struct err err;
		struct buf b;

		buf_init(&b, 100000);
		put_request(&b, 513, SPAN("the \0 body"));
		fcgi_gather_init(&g, 1000);
		assert_int_equal(feed(&g, &b, pieces[i]), FCGI_COMPLETE);
		assert_int_equal(request_parse(&r, &g, &err), 0);
		assert_string_equal(request_param(r, "REQUEST_METHOD"), "POST");
		assert_int_equal(strlen(request_param(r, "QUERY_STRING")), 299);
		assert_string_equal(request_param(r, "EMPTY"), "");
		assert_null(request_param(r, "ABSENT"));
		assert_true(span_equal(request_body(r), SPAN("the \0 body")));
		assert_int_equal(request_id(r), 513);
		assert_false(request_body_too_large(r));
		request_free(r);
		buf_fini(&b);
	}
}

static void a_variable_before_it_is_parsed(void **state)
{
	struct fcgi_gather g;
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	put_request(&b, 1, SPAN(""));
	fcgi_gather_init(&g, 0);
	assert_int_equal(feed(&g, &b, 100), FCGI_COMPLETE);
	assert_true(
	    span_equal_text(fcgi_gather_param(&g, "REQUEST_METHOD"), "POST"));
	assert_int_equal(fcgi_gather_param(&g, "QUERY_STRING").len, 299);
	assert_true(span_equal(fcgi_gather_param(&g, "EMPTY"), SPAN("")));
	assert_null(fcgi_gather_param(&g, "REQUEST").data);
	/* Cut off behind the first two. */
	buf_truncate(&g.params, 340);
	assert_true(
	    span_equal_text(fcgi_gather_param(&g, "REQUEST_METHOD"), "POST"));
	assert_null(fcgi_gather_param(&g, "EMPTY").data);
	fcgi_gather_fini(&g);
	buf_fini(&b);
}

static void body_over_the_cap_is_dropped_but_answered(void **state)
{
	struct fcgi_gather g;
	struct request *r;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	put_request(&b, 1, SPAN("0123456789"));
	fcgi_gather_init(&g, 9);
	assert_int_equal(feed(&g, &b, 3), FCGI_COMPLETE);
	assert_int_equal(request_parse(&r, &g, &err), 0);
	assert_true(request_body_too_large(r));
	assert_int_equal(request_body(r).len, 0);
	request_free(r);
	buf_fini(&b);
}

static void refuses(struct buf *b, enum fcgi_gathered expected)
{
	struct fcgi_gather g;

	fcgi_gather_init(&g, 1000);
	assert_int_equal(feed(&g, b, 5), expected);
	fcgi_gather_fini(&g);
	buf_fini(b);
}

static void what_is_not_fastcgi_is_refused(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000000);
	buf_puts(&b, "GET / HTTP/1.1\r\n\r\n");
	refuses(&b, FCGI_BAD);
	buf_init(&b, 1000000);
	put_record(&b, PARAMS, 1, SPAN("early"), 0);
	refuses(&b, FCGI_BAD);
	buf_init(&b, 1000000);
	put_begin(&b, 1, 2); /* authorizer */
	refuses(&b, FCGI_BAD);
	buf_init(&b, 1000000);
	put_begin(&b, 1, 1);
	put_begin(&b, 2, 1);
	refuses(&b, FCGI_BAD);
	buf_init(&b, 1000000);
	put_begin(&b, 1, 1);
	put_record(&b, ABORT, 1, SPAN(""), 0);
	refuses(&b, FCGI_ABORTED);
}

static void parameters_over_the_cap_are_dropped_but_answered(void **state)
{
	static char piece[60000];
	struct fcgi_gather g;
	struct request *r;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1000000);
	put_begin(&b, 1, 1);
	for (int i = 0; i < 5; i++)
		put_record(&b, PARAMS, 1, (struct span){piece, sizeof(piece)},
			   0);
	put_record(&b, PARAMS, 1, SPAN(""), 0);
	put_record(&b, STDIN, 1, SPAN("body"), 0);
	put_record(&b, STDIN, 1, SPAN(""), 0);
	fcgi_gather_init(&g, 1000);
	assert_int_equal(feed(&g, &b, 1000), FCGI_COMPLETE);
	assert_true(g.params.len <= FCGI_PARAMS_MAX_BYTES);
	assert_int_equal(request_parse(&r, &g, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	buf_fini(&b);
}

/* CVE-2025-23016: two lengths whose sum overflows. */
static void lengths_are_checked_before_libfcgi(void **state)
{
	static const char pairs[] = "\xff\xff\xff\xff\xff\xff\xff\xff"
				    "name";
	struct fcgi_gather g;
	struct request *r;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	put_begin(&b, 1, 1);
	put_record(&b, PARAMS, 1, (struct span){pairs, sizeof(pairs) - 1}, 0);
	put_record(&b, PARAMS, 1, SPAN(""), 0);
	put_record(&b, STDIN, 1, SPAN(""), 0);
	fcgi_gather_init(&g, 1000);
	assert_int_equal(feed(&g, &b, 100), FCGI_COMPLETE);
	assert_int_equal(request_parse(&r, &g, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	buf_fini(&b);
}

static void framing_splits_and_ends(void **state)
{
	size_t n = FCGI_RECORD_MAX_BYTES + 10;
	char *big = calloc(1, n);
	struct buf b;
	const unsigned char *p;

	(void)state;
	buf_init(&b, 1000000);
	fcgi_put_stdout(&b, 258, (struct span){big, n});
	assert_int_equal(b.len, n + 16);
	p = (const unsigned char *)b.data;
	assert_int_equal(p[1], 6);
	assert_int_equal(p[2] << 8 | p[3], 258);
	assert_int_equal(p[4] << 8 | p[5], FCGI_RECORD_MAX_BYTES);
	p += 8 + FCGI_RECORD_MAX_BYTES;
	assert_int_equal(p[4] << 8 | p[5], 10);
	buf_reset(&b);
	fcgi_put_end(&b, 1);
	assert_int_equal(b.len, FCGI_END_BYTES);
	p = (const unsigned char *)b.data;
	assert_int_equal(p[1], 6);
	assert_int_equal(p[9], 3);
	assert_int_equal(p[13], 8);
	buf_fini(&b);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_pieces),
	    cmocka_unit_test(a_variable_before_it_is_parsed),
	    cmocka_unit_test(body_over_the_cap_is_dropped_but_answered),
	    cmocka_unit_test(what_is_not_fastcgi_is_refused),
	    cmocka_unit_test(parameters_over_the_cap_are_dropped_but_answered),
	    cmocka_unit_test(lengths_are_checked_before_libfcgi),
	    cmocka_unit_test(framing_splits_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
