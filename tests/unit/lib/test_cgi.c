/* cgi: environment and standard input become a request like any other. */
#include "lib/cgi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/fcgi.h"

#define BODY_MAX 1000u

/* A request with this body, of which the web server says that it has `length`
 * bytes (NULL: nothing). */
static void given(const char *length, const char *body, size_t n)
{
	FILE *f = tmpfile();

	clearenv();
	setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
	setenv("REQUEST_METHOD", "POST", 1);
	setenv("EMPTY", "", 1);
	if (length)
		setenv("CONTENT_LENGTH", length, 1);
	assert_non_null(f);
	assert_int_equal(fwrite(body, 1, n, f), n);
	rewind(f);
	assert_true(dup2(fileno(f), STDIN_FILENO) == STDIN_FILENO);
	fclose(f);
}

static void parse(struct request **r)
{
	struct err err = {ERR_OK, ""};
	struct fcgi_gather g;

	assert_int_equal(cgi_gather(&g, BODY_MAX, &err), 0);
	assert_int_equal(request_parse(r, &g, &err), 0);
	assert_int_equal(request_id(*r), FCGI_NO_RECORDS);
}

static void is_a_request_only_when_a_web_server_says_so(void **state)
{
	(void)state;
	given(NULL, "", 0);
	assert_true(cgi_is_request());
	unsetenv("REQUEST_METHOD");
	assert_false(cgi_is_request());
	given(NULL, "", 0);
	setenv("GATEWAY_INTERFACE", "other", 1);
	assert_false(cgi_is_request());
}

static void variables_and_body_are_those_of_the_request(void **state)
{
	char value[5000];
	struct request *r;

	(void)state;
	given("5", "hello, and more", 15);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	setenv("HTTP_COOKIE", value, 1); /* a length of four bytes */
	setenv("QUERY_STRING", "a=b=c", 1);
	parse(&r);
	assert_string_equal(request_param(r, "REQUEST_METHOD"), "POST");
	assert_string_equal(request_param(r, "HTTP_COOKIE"), value);
	assert_string_equal(request_param(r, "QUERY_STRING"), "a=b=c");
	assert_string_equal(request_param(r, "EMPTY"), "");
	assert_null(request_param(r, "NOT_THERE"));
	assert_true(span_equal_text(request_body(r), "hello"));
	request_free(r);
}

static void without_a_length_there_is_no_body_but_of_chunks(void **state)
{
	struct request *r;

	(void)state;
	given(NULL, "hello", 5);
	parse(&r);
	assert_int_equal(request_body(r).len, 0);
	request_free(r);
	given(NULL, "hello", 5);
	setenv("HTTP_TRANSFER_ENCODING", "chunked", 1);
	parse(&r);
	assert_true(span_equal_text(request_body(r), "hello"));
	request_free(r);
}

static void a_body_over_the_limit_is_read_and_dropped(void **state)
{
	char body[3 * BODY_MAX];
	struct request *r;

	(void)state;
	memset(body, 'x', sizeof(body));
	given("3000", body, sizeof(body));
	parse(&r);
	assert_true(request_body_too_large(r));
	assert_int_equal(request_body(r).len, 0);
	assert_int_equal(lseek(STDIN_FILENO, 0, SEEK_CUR), sizeof(body));
	request_free(r);
	given("1000", body, sizeof(body));
	parse(&r);
	assert_false(request_body_too_large(r));
	assert_int_equal(request_body(r).len, BODY_MAX);
	request_free(r);
}

static void refused(enum err_code code)
{
	struct err err = {ERR_OK, ""};
	struct fcgi_gather g;

	assert_int_equal(cgi_gather(&g, BODY_MAX, &err), -1);
	assert_int_equal(err.code, code);
}

static void what_can_not_be_a_request_is_refused(void **state)
{
	const char *const lengths[] = {
	    "-1", "+1", "1x", " 1", "x", "0x1", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		given(lengths[i], "hello", 5);
		refused(ERR_INVALID);
	}
	given("6", "hello", 5);
	refused(ERR_HANGUP);
}

/* It gets an answer, so it is a request. */
static void variables_over_the_cap_are_noted(void **state)
{
	static char value[70000];
	struct err err = {ERR_OK, ""};
	struct fcgi_gather g;
	struct request *r;

	(void)state;
	given(NULL, "", 0);
	memset(value, 'v', sizeof(value) - 1);
	setenv("HTTP_COOKIE", value, 1);
	assert_int_equal(cgi_gather(&g, BODY_MAX, &err), 0);
	assert_int_equal(request_parse(&r, &g, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	unsetenv("HTTP_COOKIE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_a_request_only_when_a_web_server_says_so),
	    cmocka_unit_test(variables_and_body_are_those_of_the_request),
	    cmocka_unit_test(without_a_length_there_is_no_body_but_of_chunks),
	    cmocka_unit_test(a_body_over_the_limit_is_read_and_dropped),
	    cmocka_unit_test(what_can_not_be_a_request_is_refused),
	    cmocka_unit_test(variables_over_the_cap_are_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
