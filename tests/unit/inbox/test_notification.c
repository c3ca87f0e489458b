/*
 * The JSON of a notification, whole and cut, and what a publisher may say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "inbox/notification.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KIB	 ((size_t)1024)

static struct notification example(void)
{
	return (struct notification){
	    .id = 7,
	    .user_id = SPAN("alice"),
	    .type = SPAN("info"),
	    .title = SPAN("Build finished"),
	    .priority = 3,
	    .created_at = INT64_C(1767323045678),
	    .updated_at = INT64_C(1767323045679),
	};
}

static void assert_json(const struct notification *n,
			enum notification_form form, const char *expected)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	notification_write_json(&b, n, form);
	buf_putc(&b, '\0');
	assert_string_equal(b.data, expected);
	buf_fini(&b);
}

static void members_in_their_order(void **state)
{
	struct notification n = example();

	(void)state;
	assert_json(&n, NOTIFICATION_REST,
		    "{\"id\":7,\"type\":\"info\",\"title\":\"Build "
		    "finished\",\"body\":null,\"data\":null,\"link\":null,"
		    "\"priority\":3,\"broadcast\":false,"
		    "\"createdAt\":\"2026-01-02T03:04:05.678Z\","
		    "\"updatedAt\":\"2026-01-02T03:04:05.679Z\","
		    "\"readAt\":null,\"expiresAt\":null}");
	n.body = SPAN("two\nlines");
	n.data = SPAN("{\"a\": 1.50}");
	n.link = SPAN("");
	n.read_at = INT64_C(1767323045680);
	n.expires_at = INT64_C(1767323045681);
	assert_json(&n, NOTIFICATION_STREAM,
		    "{\"id\":7,\"type\":\"info\",\"title\":\"Build "
		    "finished\",\"body\":\"two\\nlines\","
		    "\"data\":{\"a\": 1.50},\"link\":\"\","
		    "\"priority\":3,\"broadcast\":false,"
		    "\"createdAt\":\"2026-01-02T03:04:05.678Z\","
		    "\"updatedAt\":\"2026-01-02T03:04:05.679Z\","
		    "\"readAt\":\"2026-01-02T03:04:05.680Z\","
		    "\"expiresAt\":\"2026-01-02T03:04:05.681Z\"}");
}

static void a_broadcast_has_no_read_time_on_the_stream(void **state)
{
	struct notification n = example();

	(void)state;
	n.user_id = SPAN("*");
	n.read_at = INT64_C(1767323045680);
	assert_json(&n, NOTIFICATION_STREAM,
		    "{\"id\":7,\"type\":\"info\",\"title\":\"Build "
		    "finished\",\"body\":null,\"data\":null,\"link\":null,"
		    "\"priority\":3,\"broadcast\":true,"
		    "\"createdAt\":\"2026-01-02T03:04:05.678Z\","
		    "\"updatedAt\":\"2026-01-02T03:04:05.679Z\","
		    "\"expiresAt\":null}");
	assert_json(&n, NOTIFICATION_REST,
		    "{\"id\":7,\"type\":\"info\",\"title\":\"Build "
		    "finished\",\"body\":null,\"data\":null,\"link\":null,"
		    "\"priority\":3,\"broadcast\":true,"
		    "\"createdAt\":\"2026-01-02T03:04:05.678Z\","
		    "\"updatedAt\":\"2026-01-02T03:04:05.679Z\","
		    "\"readAt\":\"2026-01-02T03:04:05.680Z\","
		    "\"expiresAt\":null}");
}

static void data_that_is_not_json_is_a_string(void **state)
{
	struct notification n = example();
	struct json *root;
	struct buf b;

	(void)state;
	n.data = SPAN("{oops\n");
	buf_init(&b, 1 << 20);
	notification_write_json(&b, &n, NOTIFICATION_STREAM);
	assert_int_equal(json_parse(buf_span(&b), &root, NULL), 0);
	assert_true(span_equal(json_string(json_get(root, "data", NULL)),
			       SPAN("{oops\n")));
	json_free(root);
	buf_fini(&b);
}

/* Writes the stream's form behind other bytes and reads it back. */
static struct json *streamed(const struct notification *n, size_t *len)
{
	struct json *root;
	struct err err;
	struct buf b;

	buf_init(&b, 64 * KIB * KIB);
	buf_puts(&b, "before");
	notification_write_json(&b, n, NOTIFICATION_STREAM);
	assert_memory_equal(b.data, "before", 6);
	assert_false(b.overflow);
	*len = b.len - 6;
	if (json_parse((struct span){b.data + 6, b.len - 6}, &root, &err) < 0)
		fail_msg("%s", err.message);
	buf_fini(&b);
	return root;
}

static void only_what_is_too_long_is_cut(void **state)
{
	struct notification n = example();
	char *text = malloc(300 * KIB);
	struct json *root;
	size_t len;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 300 * KIB);

	n.title = (struct span){text, 200 * KIB};
	root = streamed(&n, &len);
	assert_null(json_get(root, "truncated", NULL));
	assert_int_equal(json_string(json_get(root, "title", NULL)).len,
			 200 * KIB);
	json_free(root);

	n.body = (struct span){text, 100 * KIB};
	root = streamed(&n, &len);
	assert_true(json_bool(json_get(root, "truncated", NULL)));
	assert_int_equal(json_string(json_get(root, "title", NULL)).len,
			 32 * KIB - 2);
	assert_int_equal(json_string(json_get(root, "body", NULL)).len,
			 100 * KIB);
	json_free(root);
	free(text);
}

static void the_limit_holds_for_the_longest(void **state)
{
	const size_t size = 2 * 1024 * KIB;
	char *text = malloc(size);
	struct notification n = example();
	struct json *root;
	size_t len;

	(void)state;
	assert_non_null(text);
	/* Six bytes of JSON for each one. */
	memset(text, 1, size);
	n.type = n.title = n.body = n.data = n.link = (struct span){text, size};
	n.expires_at = n.read_at = n.id = INT64_MAX;
	root = streamed(&n, &len);
	assert_true(len <= NOTIFICATION_STREAM_MAX_BYTES);
	assert_true(len > 170 * KIB);
	assert_true(json_bool(json_get(root, "truncated", NULL)));
	assert_int_equal(json_type(json_get(root, "data", NULL)), JSON_NULL);
	assert_in_range(json_string(json_get(root, "link", NULL)).len,
			16 * KIB / 6 - 2, 16 * KIB / 6);
	json_free(root);

	/* Short enough as it is, too long when encoded. */
	n.title = n.body = n.link = n.type = SPAN("x");
	n.data = (struct span){text, 60 * KIB};
	root = streamed(&n, &len);
	assert_true(json_bool(json_get(root, "truncated", NULL)));
	assert_int_equal(json_type(json_get(root, "data", NULL)), JSON_NULL);
	json_free(root);
	free(text);
}

static void exactly_the_limit_is_whole(void **state)
{
	struct notification n = example();
	char *text = malloc(NOTIFICATION_STREAM_MAX_BYTES);
	struct json *root;
	size_t frame, room;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', NOTIFICATION_STREAM_MAX_BYTES);
	n.body = SPAN("");
	json_free(streamed(&n, &frame));
	room = NOTIFICATION_STREAM_MAX_BYTES - frame;

	n.body = (struct span){text, room};
	root = streamed(&n, &frame);
	assert_int_equal(frame, NOTIFICATION_STREAM_MAX_BYTES);
	assert_null(json_get(root, "truncated", NULL));
	json_free(root);

	n.body.len++;
	root = streamed(&n, &frame);
	assert_true(frame < NOTIFICATION_STREAM_MAX_BYTES);
	assert_true(json_bool(json_get(root, "truncated", NULL)));
	json_free(root);
	free(text);
}

static void a_buffer_with_room_for_the_cut_form_is_enough(void **state)
{
	struct notification n = example();
	char *text = malloc(200 * KIB);
	struct buf b;

	(void)state;
	assert_non_null(text);
	memset(text, 1, 200 * KIB);
	n.body = (struct span){text, 200 * KIB};
	buf_init(&b, NOTIFICATION_STREAM_MAX_BYTES);
	notification_write_json(&b, &n, NOTIFICATION_STREAM);
	assert_false(b.overflow);
	assert_true(json_valid(buf_span(&b)));

	/* An overflow from before is not forgotten. */
	buf_reset(&b);
	b.overflow = true;
	notification_write_json(&b, &n, NOTIFICATION_STREAM);
	assert_true(b.overflow);
	buf_fini(&b);
	free(text);
}

static void rest_is_never_cut(void **state)
{
	struct notification n = example();
	char *text = malloc(400 * KIB);
	struct json *root;
	struct buf b;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 400 * KIB);
	n.body = (struct span){text, 400 * KIB};
	buf_init(&b, 1024 * KIB);
	notification_write_json(&b, &n, NOTIFICATION_REST);
	assert_int_equal(json_parse(buf_span(&b), &root, NULL), 0);
	assert_int_equal(json_string(json_get(root, "body", NULL)).len,
			 400 * KIB);
	assert_null(json_get(root, "truncated", NULL));
	json_free(root);
	buf_fini(&b);
	free(text);
}

static void rows_are_read_in_column_order(void **state)
{
	char path[] = "/tmp/belfry-notification-XXXXXX";
	struct db_options options = {
	    .path = path, .create = true, .foreign = true};
	struct notification n;
	struct db_stmt *row = NULL;
	struct err err;
	struct db *db = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	if (db_open(&db, &options, &err) < 0 ||
	    db_query_text(db,
			  "SELECT 'first', 1, 'u', 't', 'ti', 'b', '[]', "
			  "'l', 5, 2, 3, 4, 6 UNION ALL "
			  "SELECT 'first', 2, '*', 't', 'ti', NULL, NULL, "
			  "NULL, 1, 2, 3, NULL, NULL",
			  &row, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(db_step(row, &err), 1);
	notification_from_row(&n, row, 1);
	assert_int_equal(n.id, 1);
	assert_true(span_equal(n.user_id, SPAN("u")));
	assert_true(span_equal(n.type, SPAN("t")));
	assert_true(span_equal(n.title, SPAN("ti")));
	assert_true(span_equal(n.body, SPAN("b")));
	assert_true(span_equal(n.data, SPAN("[]")));
	assert_true(span_equal(n.link, SPAN("l")));
	assert_int_equal(n.priority, 5);
	assert_int_equal(n.created_at, 2);
	assert_int_equal(n.updated_at, 3);
	assert_int_equal(n.read_at, 4);
	assert_int_equal(n.expires_at, 6);
	assert_int_equal(db_step(row, &err), 1);
	notification_from_row(&n, row, 1);
	assert_null(n.body.data);
	assert_null(n.data.data);
	assert_null(n.link.data);
	assert_int_equal(n.read_at, 0);
	assert_int_equal(n.expires_at, 0);
	db_reset(row);
	db_close(db);
	unlink(path);
}

/* ---- input ---- */

static int parse(struct notification_input *in, const char *text, bool create,
		 struct err *err, struct json **root)
{
	assert_int_equal(json_parse(span_of(text), root, err), 0);
	return notification_input_parse(in, *root, create, err);
}

static void everything_that_can_be_said(void **state)
{
	struct notification_input in;
	struct json *root;
	struct err err;

	(void)state;
	assert_int_equal(
	    parse(&in,
		  "{\"userId\":\"alice\",\"type\":\"build\",\"title\":\"T\","
		  "\"body\":\"B\",\"data\":{ \"n\" : 0.10, \"big\":"
		  "123456789012345678901234567890 },\"link\":\"/x\","
		  "\"priority\":5,\"expiresAt\":\"2026-01-02T03:04:05Z\","
		  "\"dedupeKey\":\"k\"}",
		  true, &err, &root),
	    0);
	assert_int_equal(in.has, (1 << 9) - 1);
	assert_true(span_equal(in.user_id, SPAN("alice")));
	assert_true(span_equal(in.type, SPAN("build")));
	assert_true(span_equal(in.title, SPAN("T")));
	assert_true(span_equal(in.body, SPAN("B")));
	assert_true(
	    span_equal(in.data, SPAN("{\"n\":0.10,\"big\":"
				     "123456789012345678901234567890}")));
	assert_true(span_equal(in.link, SPAN("/x")));
	assert_true(span_equal(in.dedupe_key, SPAN("k")));
	assert_int_equal(in.priority, 5);
	assert_true(in.expires_at == INT64_C(1767323045000));
	notification_input_fini(&in);
	json_free(root);
}

static void present_null_counts(void **state)
{
	struct notification_input in;
	struct json *root;
	struct err err;

	(void)state;
	assert_int_equal(parse(&in,
			       "{\"type\":null,\"body\":null,\"data\":null,"
			       "\"link\":null,\"priority\":null,"
			       "\"expiresAt\":null,\"dedupeKey\":null}",
			       false, &err, &root),
			 0);
	assert_int_equal(in.has, ((1 << 9) - 1) & ~(NOTIFICATION_HAS_USER |
						    NOTIFICATION_HAS_TITLE));
	assert_null(in.body.data);
	assert_null(in.data.data);
	assert_null(in.link.data);
	assert_null(in.dedupe_key.data);
	assert_true(span_equal(in.type, SPAN("info")));
	assert_int_equal(in.priority, 3);
	assert_int_equal(in.expires_at, 0);
	notification_input_fini(&in);
	json_free(root);
}

static void little_is_enough(void **state)
{
	struct notification_input in;
	struct json *root;
	struct err err;

	(void)state;
	assert_int_equal(
	    parse(&in, "{\"userId\":\"*\",\"title\":\"\"}", true, &err, &root),
	    0);
	assert_int_equal(in.has,
			 NOTIFICATION_HAS_USER | NOTIFICATION_HAS_TITLE);
	assert_int_equal(in.title.len, 0);
	assert_non_null(in.title.data);
	assert_int_equal(in.priority, NOTIFICATION_PRIORITY_DEFAULT);
	notification_input_fini(&in);
	json_free(root);
	assert_int_equal(parse(&in, "{}", false, &err, &root), 0);
	assert_int_equal(in.has, 0);
	notification_input_fini(&in);
	json_free(root);
}

static void what_has_expired_in_1970_does_not_live_for_ever(void **state)
{
	struct notification_input in;
	struct json *root;
	struct err err;

	(void)state;
	assert_int_equal(parse(&in, "{\"expiresAt\":\"1970-01-01T00:00:00Z\"}",
			       false, &err, &root),
			 0);
	assert_int_equal(in.expires_at, 1);
	notification_input_fini(&in);
	json_free(root);
}

static void refusals_name_member_and_reason(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"[]", "notification: expected an object, got an array"},
	    {"{\"priority\":\"3\"}",
	     "priority: expected an integer from 1 to 5, got a string"},
	    {"{\"priority\":0}",
	     "priority: expected an integer from 1 to 5, got 0"},
	    {"{\"priority\":6}",
	     "priority: expected an integer from 1 to 5, got 6"},
	    {"{\"priority\":2.0}",
	     "priority: expected an integer from 1 to 5, got a number"},
	    {"{\"title\":null}", "title: expected a string, got null"},
	    {"{\"title\":7}", "title: expected a string, got an integer"},
	    {"{\"body\":{}}", "body: expected a string or null, got an object"},
	    {"{\"type\":true}",
	     "type: expected a string or null, got a boolean"},
	    {"{\"userId\":\"\"}",
	     "userId: expected a user's id or \"*\" for everyone, without "
	     "U+0000, got \"\""},
	    {"{\"userId\":\"a\\u0000b\"}",
	     "userId: expected a user's id or \"*\" for everyone, without "
	     "U+0000, got \"a\\x00b\""},
	    {"{\"userId\":null}",
	     "userId: expected a user's id or \"*\" for everyone, without "
	     "U+0000, got null"},
	    {"{\"expiresAt\":\"tomorrow\"}",
	     "expiresAt: expected an RFC 3339 time (2026-01-02T03:04:05Z) or "
	     "null, got \"tomorrow\""},
	    {"{\"expiresAt\":1790000000000}",
	     "expiresAt: expected an RFC 3339 time (2026-01-02T03:04:05Z) or "
	     "null, got an integer"},
	    {"{\"expiresAt\":\"2026-01-02T03:04:05Z\\u0000\"}",
	     "expiresAt: expected an RFC 3339 time (2026-01-02T03:04:05Z) or "
	     "null, got \"2026-01-02T03:04:05Z\\x00\""},
	    {"{\"data\":[1],\"userid\":1}",
	     "unknown member \"userid\": expected userId, type, title, body, "
	     "data, link, priority, expiresAt, or dedupeKey"},
	};
	struct notification_input in;
	struct json *root;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		in.has = 4711;
		assert_int_equal(parse(&in, cases[i].text, false, &err, &root),
				 -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.message, cases[i].message);
		assert_int_equal(in.has, 4711);
		json_free(root);
	}
}

static void create_demands_user_and_title(void **state)
{
	struct notification_input in;
	struct json *root;
	struct err err;

	(void)state;
	assert_int_equal(
	    parse(&in, "{\"title\":\"T\",\"data\":[]}", true, &err, &root), -1);
	assert_string_equal(err.message,
			    "userId: expected a user's id or \"*\" for "
			    "everyone, without U+0000, got nothing");
	json_free(root);
	assert_int_equal(
	    parse(&in, "{\"userId\":\"alice\"}", true, &err, &root), -1);
	assert_string_equal(err.message,
			    "title: expected a string, got nothing");
	json_free(root);
}

static void a_member_said_twice_counts_once(void **state)
{
	struct notification_input in;
	struct json *root;
	struct err err;

	(void)state;
	assert_int_equal(
	    parse(&in, "{\"data\":[1],\"data\":[2]}", false, &err, &root), 0);
	assert_true(span_equal(in.data, SPAN("[2]")));
	notification_input_fini(&in);
	json_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_in_their_order),
	    cmocka_unit_test(a_broadcast_has_no_read_time_on_the_stream),
	    cmocka_unit_test(data_that_is_not_json_is_a_string),
	    cmocka_unit_test(only_what_is_too_long_is_cut),
	    cmocka_unit_test(the_limit_holds_for_the_longest),
	    cmocka_unit_test(exactly_the_limit_is_whole),
	    cmocka_unit_test(a_buffer_with_room_for_the_cut_form_is_enough),
	    cmocka_unit_test(rest_is_never_cut),
	    cmocka_unit_test(rows_are_read_in_column_order),
	    cmocka_unit_test(everything_that_can_be_said),
	    cmocka_unit_test(present_null_counts),
	    cmocka_unit_test(little_is_enough),
	    cmocka_unit_test(what_has_expired_in_1970_does_not_live_for_ever),
	    cmocka_unit_test(refusals_name_member_and_reason),
	    cmocka_unit_test(create_demands_user_and_title),
	    cmocka_unit_test(a_member_said_twice_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
