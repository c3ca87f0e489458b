/*
 * Where a request goes, what its query says, and whether a browser's may pass:
 * the pure decisions of the API as tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/internal.h"
#include "auth/auth.h"
#include "lib/err.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define BASE	    "/api/notifications"

/* ---- routes ---- */

static void every_route_is_found(void **state)
{
	static const struct {
		const char *method, *path;
		int (*handler)(struct api_call *call, struct err *err);
		int64_t id;
		unsigned scopes;
	} rows[] = {
	    {"GET", "", api_list, 0, SCOPE_READ},
	    {"GET", "/", api_list, 0, SCOPE_READ},
	    {"HEAD", "", api_list, 0, SCOPE_READ},
	    {"POST", "", api_create, 0, SCOPE_PUBLISH},
	    {"GET", "/unread-count", api_unread_count, 0, SCOPE_READ},
	    {"GET", "/stream", api_stream, 0, SCOPE_READ},
	    {"HEAD", "/stream", api_stream, 0, SCOPE_READ},
	    {"POST", "/read-all", api_read_all, 0, SCOPE_READ},
	    {"POST", "/ticket", api_ticket, 0, SCOPE_READ},
	    {"GET", "/stats", api_stats, 0, SCOPE_ADMIN},
	    {"GET", "/healthz", api_healthz, 0, 0},
	    {"GET", "/readyz", api_readyz, 0, 0},
	    {"GET", "/7", api_get, 7, SCOPE_READ},
	    {"GET", "/9007199254740991", api_get, 9007199254740991, SCOPE_READ},
	    {"PATCH", "/7", api_patch, 7, SCOPE_READ | SCOPE_PUBLISH},
	    {"DELETE", "/7", api_delete, 7, SCOPE_READ | SCOPE_PUBLISH},
	    {"POST", "/7/read", api_read, 7, SCOPE_READ},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct api_route *route = NULL;
		unsigned allow = 0;
		int64_t id = -1;
		struct err err;

		assert_int_equal(api_route_find(span_of(rows[i].path),
						span_of(rows[i].method), &route,
						&id, &allow, &err),
				 0);
		assert_ptr_equal(route->handler, rows[i].handler);
		assert_int_equal(route->scopes, rows[i].scopes);
		assert_true(id == rows[i].id);
	}
}

static void what_is_not_there_is_not_found(void **state)
{
	static const char *const paths[] = {
	    "//",
	    "/0",
	    "/07",
	    "/-7",
	    "/+7",
	    "/7 ",
	    "/7/",
	    "/7x",
	    "/x7",
	    "/7.0",
	    "/0x7",
	    "/9007199254740992",
	    "/99999999999999999999",
	    "/18446744073709551623",
	    "/7/read/",
	    "/7/unread",
	    "//read",
	    "/read",
	    "/7/8/read",
	    "/Stream",
	    "/stream/",
	    "/../7",
	    "/{id}",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(paths); i++) {
		const struct api_route *route = NULL;
		struct err err = {ERR_OK, ""};
		unsigned allow = 0;
		int64_t id = -1;

		assert_int_equal(api_route_find(span_of(paths[i]), SPAN("GET"),
						&route, &id, &allow, &err),
				 -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_null(route);
		assert_true(id == -1);
	}
}

static void a_wrong_method_learns_the_right_ones(void **state)
{
	static const struct {
		const char *method, *path, *allow;
	} rows[] = {
	    {"PUT", "", "GET, HEAD, POST, OPTIONS"},
	    {"get", "", "GET, HEAD, POST, OPTIONS"},
	    {"", "", "GET, HEAD, POST, OPTIONS"},
	    {"POST", "/7", "GET, HEAD, PATCH, DELETE, OPTIONS"},
	    {"GET", "/7/read", "POST, OPTIONS"},
	    {"OPTIONS", "/stream", "GET, HEAD, OPTIONS"},
	    {"DELETE", "/read-all", "POST, OPTIONS"},
	    {"POST", "/healthz", "GET, HEAD, OPTIONS"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct api_route *route = NULL;
		struct err err = {ERR_OK, ""};
		char text[API_ALLOW_BYTES];
		unsigned allow = 0;
		int64_t id;

		assert_int_equal(api_route_find(span_of(rows[i].path),
						span_of(rows[i].method), &route,
						&id, &allow, &err),
				 -1);
		assert_int_equal(err.code, ERR_METHOD);
		assert_string_equal(api_route_allow(text, allow),
				    rows[i].allow);
		assert_null(route);
	}
}

static void the_path_comes_from_any_server(void **state)
{
	static const struct {
		struct api_path path;
		const char *below; /* NULL: the error's code says */
		enum err_code code;
	} rows[] = {
	    {{BASE "/stream?x=1", "/api", "/notifications/stream"},
	     "/stream",
	     ERR_OK},
	    {{BASE, BASE, NULL}, "", ERR_OK},
	    {{BASE "?limit=1", NULL, NULL}, "", ERR_OK},
	    {{BASE "/", BASE, "/"}, "/", ERR_OK},
	    {{BASE "/stream", BASE "/stream", NULL}, "/stream", ERR_OK},
	    {{NULL, "/api", "/notifications/7"}, "/7", ERR_OK},
	    {{NULL, BASE, "/7"}, "/7", ERR_OK},
	    {{"", BASE "/7", NULL}, "/7", ERR_OK},
	    {{"http://h" BASE "/8", BASE, "/7"}, "/7", ERR_OK},
	    {{"/rewritten/7", BASE, "/7"}, "/7", ERR_OK},
	    /* decoded once, and before it is cut */
	    {{"/api%2Fnotifications/%37", "", ""}, "/7", ERR_OK},
	    {{BASE "/%2537", "", ""}, "/%37", ERR_OK},
	    {{BASE "/a+b", "", ""}, "/a+b", ERR_OK},
	    {{BASE "/%3Fx", "", ""}, "/?x", ERR_OK},
	    /* not ours */
	    {{"/api/notificationsx", "", ""}, NULL, ERR_NOT_FOUND},
	    {{"/api/notification", "", ""}, NULL, ERR_NOT_FOUND},
	    {{"/x" BASE, "", ""}, NULL, ERR_NOT_FOUND},
	    {{NULL, NULL, NULL}, NULL, ERR_NOT_FOUND},
	    {{"/x", NULL, "/notifications/7"}, NULL, ERR_NOT_FOUND},
	    {{"/api/x/../notifications/7", "", ""}, NULL, ERR_NOT_FOUND},
	    /* broken */
	    {{BASE "/%", BASE, "/7"}, NULL, ERR_INVALID},
	    {{BASE "/%4", BASE, "/7"}, NULL, ERR_INVALID},
	    {{BASE "/%zz", BASE, "/7"}, NULL, ERR_INVALID},
	    {{BASE "/7%00", BASE, "/7"}, NULL, ERR_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err err = {ERR_OK, ""};
		struct buf below;
		int result;

		buf_init(&below, 1024);
		result = api_route_path(&rows[i].path, BASE, &below, &err);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(result, rows[i].below ? 0 : -1);
		if (rows[i].below)
			assert_true(
			    span_equal_text(buf_span(&below), rows[i].below));
		buf_fini(&below);
	}
}

static void a_base_path_can_be_the_root(void **state)
{
	const struct api_path path = {"/7", NULL, NULL};
	struct buf below;
	struct err err;

	(void)state;
	buf_init(&below, 64);
	assert_int_equal(api_route_path(&path, "", &below, &err), 0);
	assert_true(span_equal_text(buf_span(&below), "/7"));
	buf_fini(&below);
}

/* ---- query ---- */

static void a_parameter_is_decoded_once(void **state)
{
	static const struct {
		const char *query;
		int found;
		const char *value;
	} rows[] = {
	    {"", 0, NULL},
	    {"x", 1, ""},
	    {"x=", 1, ""},
	    {"x=1", 1, "1"},
	    {"a=2&x=1&b=3", 1, "1"},
	    {"&&x=1&&", 1, "1"},
	    {"xx=1&ax=2&X=3", 0, NULL},
	    {"=1", 0, NULL},
	    {"x=a+b%20c%2Bd", 1, "a b c+d"},
	    {"x=%252C", 1, "%2C"},
	    {"%78=1", 1, "1"},
	    {"x=a=b", 1, "a=b"},
	    {"x=%C3%A9", 1, "\xc3\xa9"},
	    {"x=a;y=b", 1, "a;y=b"},
	    /* what nobody asks for is not looked at */
	    {"a=%zz&x=1&%=2", 1, "1"},
	    {"x=1&x=1", -1, NULL},
	    {"x=1&%78=2", -1, NULL},
	    {"x=%", -1, NULL},
	    {"x=%1", -1, NULL},
	    {"x=%g1", -1, NULL},
	    {"x=%00", -1, NULL},
	    {"x=a%00b", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct api_call call = {.query = span_of(rows[i].query)};
		struct err err = {ERR_OK, ""};
		struct buf out;

		buf_init(&out, 1024);
		buf_puts(&out, "left over");
		assert_int_equal(api_query(&call, "x", &out, &err),
				 rows[i].found);
		if (rows[i].found > 0)
			assert_true(
			    span_equal_text(buf_span(&out), rows[i].value));
		if (rows[i].found == 0)
			assert_int_equal(out.len, 0);
		assert_int_equal(err.code,
				 rows[i].found < 0 ? ERR_INVALID : ERR_OK);
		buf_fini(&out);
	}
}

static void a_switch_is_1_or_0(void **state)
{
	static const struct {
		const char *query;
		int result;
	} rows[] = {
	    {"", 0},	       {"unread=", 0},	    {"unread=0", 0},
	    {"unread=1", 1},   {"unread=true", -1}, {"unread=2", -1},
	    {"unread=11", -1},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct api_call call = {.query = span_of(rows[i].query)};
		struct err err;

		assert_int_equal(api_query_switch(&call, "unread", &err),
				 rows[i].result);
	}
}

static void encoding_is_undone_by_decoding(void **state)
{
	char all[255];
	struct buf encoded, decoded;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i + 1);
	buf_init(&encoded, 1024);
	buf_init(&decoded, 1024);
	api_encode(&encoded, (struct span){all, sizeof(all)});
	for (size_t i = 0; i < encoded.len; i++)
		assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-._~%",
				       encoded.data[i]));
	assert_int_equal(api_decode(buf_span(&encoded), true, &decoded), 0);
	assert_int_equal(decoded.len, sizeof(all));
	assert_memory_equal(decoded.data, all, sizeof(all));
	buf_fini(&encoded);
	buf_fini(&decoded);
}

/* ---- guard ---- */

static char listed_origin[] = "https://app.example";
static char *const listed[] = {listed_origin, NULL};
static char *const nobody[] = {NULL};

static void an_origin_is_listed_exactly(void **state)
{
	(void)state;
	assert_true(api_origin_listed("https://app.example", listed));
	assert_false(api_origin_listed("https://app.example", nobody));
	assert_false(api_origin_listed("https://app.example", NULL));
	assert_false(api_origin_listed(NULL, listed));
	assert_false(api_origin_listed("", listed));
	assert_false(api_origin_listed("null", listed));
	assert_false(api_origin_listed("*", listed));
	assert_false(api_origin_listed("http://app.example", listed));
	assert_false(api_origin_listed("https://app.example/", listed));
	assert_false(api_origin_listed("https://app.example.evil", listed));
	assert_false(api_origin_listed("https://app.exampl", listed));
	assert_false(api_origin_listed("https://APP.example", listed));
}

static void the_csrf_table(void **state)
{
	static const struct {
		struct api_origin from;
		bool passes;
	} rows[] = {
	    /* Sec-Fetch-Site decides where it is there … */
	    {{NULL, "same-origin", "h"}, true},
	    {{NULL, "none", "h"}, true},
	    {{"https://h", "same-origin", "h"}, true},
	    {{NULL, "same-site", "h"}, false},
	    {{NULL, "cross-site", "h"}, false},
	    {{NULL, "", "h"}, false},
	    {{NULL, "Same-Origin", "h"}, false},
	    {{"https://h", "cross-site", "h"}, false},
	    {{"https://h", "same-site", "h"}, false},
	    /* … but for a listed Origin */
	    {{"https://app.example", "cross-site", "h"}, true},
	    {{"https://app.example", NULL, "h"}, true},
	    {{"https://evil.example", "cross-site", "h"}, false},
	    /* an old browser: Origin equal to Host */
	    {{"https://h", NULL, "h"}, true},
	    {{"http://h", NULL, "h"}, true},
	    {{"https://H", NULL, "h"}, true},
	    {{"http://h:8080", NULL, "h:8080"}, true},
	    {{"http://h", NULL, "h:80"}, true},
	    {{"https://h:443", NULL, "h"}, true},
	    {{"http://[::1]:8080", NULL, "[::1]:8080"}, true},
	    {{"https://h", NULL, "h:80"}, false},
	    {{"http://h:8080", NULL, "h"}, false},
	    {{"http://h", NULL, "h:8080"}, false},
	    {{"http://evil", NULL, "h"}, false},
	    {{"http://h.evil", NULL, "h"}, false},
	    {{"http://evilh", NULL, "h"}, false},
	    {{"null", NULL, "h"}, false},
	    {{"null", NULL, "null"}, false},
	    {{"http://", NULL, ""}, false},
	    {{"", NULL, ""}, false},
	    {{"http://h", NULL, NULL}, false},
	    /* no sign at all */
	    {{NULL, NULL, "h"}, false},
	    {{NULL, NULL, NULL}, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (api_csrf_passes(&rows[i].from, listed) != rows[i].passes)
			fail_msg("row %zu", i);
	}
	assert_false(api_csrf_passes(&rows[9].from, NULL));
}

static void only_json_bodies_are_taken(void **state)
{
	static const char *const good[] = {
	    NULL,
	    "",
	    "application/json",
	    "Application/JSON",
	    "application/json; charset=utf-8",
	    "application/json;charset=utf-8",
	    "application/merge-patch+json",
	    "application/problem+json ; x=y",
	};
	static const char *const bad[] = {
	    "text/plain",
	    "text/plain; application/json",
	    "application/x-www-form-urlencoded",
	    "multipart/form-data; boundary=x",
	    "text/json",
	    "text/x+json",
	    "application/jsonx",
	    "application/+json",
	    "application/",
	    "+json",
	    ";",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(good); i++)
		assert_true(api_is_json_type(good[i]));
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_false(api_is_json_type(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_route_is_found),
	    cmocka_unit_test(what_is_not_there_is_not_found),
	    cmocka_unit_test(a_wrong_method_learns_the_right_ones),
	    cmocka_unit_test(the_path_comes_from_any_server),
	    cmocka_unit_test(a_base_path_can_be_the_root),
	    cmocka_unit_test(a_parameter_is_decoded_once),
	    cmocka_unit_test(a_switch_is_1_or_0),
	    cmocka_unit_test(encoding_is_undone_by_decoding),
	    cmocka_unit_test(an_origin_is_listed_exactly),
	    cmocka_unit_test(the_csrf_table),
	    cmocka_unit_test(only_json_bodies_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
