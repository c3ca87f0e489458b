/*
 * config: what a file and the environment make of a configuration, and what is
 * said when they are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/value.h"
#include "lib/buf.h"
#include "lib/err.h"

struct fixture {
	char folder[64];
	char file[128];
};

static void forget_environment(void)
{
	char **at = environ;

	while (*at) {
		char name[128];

		snprintf(name, sizeof(name), "%s", *at);
		name[strcspn(name, "=")] = '\0';
		if (strncmp(name, "BELFRY_", 7) == 0) {
			unsetenv(name);
			at = environ;
		} else {
			at++;
		}
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	forget_environment();
	snprintf(f->folder, sizeof(f->folder), "/tmp/belfry-config.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->file, sizeof(f->file), "%s/belfry.conf", f->folder);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->file);
	rmdir(f->folder);
	free(f);
	forget_environment();
	return 0;
}

static void write_bytes(const struct fixture *f, const char *text, size_t n)
{
	FILE *stream = fopen(f->file, "w");

	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, n, stream), n);
	assert_int_equal(fclose(stream), 0);
}

static struct config *load(const struct fixture *f, const char *text)
{
	struct config *c = NULL;
	struct err err = {ERR_OK, ""};

	write_bytes(f, text, strlen(text));
	if (config_load(&c, f->file, CONFIG_HOST_ANY, &err) < 0)
		fail_msg("%s", err.message);
	return c;
}

/* The message, without the path of the file in front of it. */
static const char *refusal(const struct fixture *f, struct err *err)
{
	struct config *c = NULL;

	err->message[0] = '\0';
	if (config_load(&c, f->file, CONFIG_HOST_ANY, err) == 0) {
		config_free(c);
		return "accepted";
	}
	assert_null(c);
	assert_int_equal(err->code, ERR_CONFIG);
	if (strncmp(err->message, f->file, strlen(f->file)) == 0)
		return err->message + strlen(f->file);
	return err->message;
}

static char *printed(const struct config *c)
{
	struct buf b;
	size_t length;

	buf_init(&b, 65536);
	config_print(c, &b);
	buf_putc(&b, '\0');
	assert_false(b.overflow);
	return buf_take(&b, &length);
}

static const char defaults[] = "database =\n"
			       "base_path = /api/notifications\n"
			       "heartbeat = 30s\n"
			       "retry = 3s\n"
			       "stream_lifetime = 0\n"
			       "stream_mode = auto\n"
			       "max_streams = 10000\n"
			       "max_streams_per_user = 16\n"
			       "workers = 4\n"
			       "synchronous = NORMAL\n"
			       "session_cookie =\n"
			       "session_cookie_format = raw\n"
			       "session_query =\n"
			       "session_database =\n"
			       "remote_user = off\n"
			       "cors_origins =\n"
			       "rate_limit = connect=5/s:20,read=50/s:200,"
			       "write=20/s:80,publish=200/s:800\n"
			       "rate_limit_address = 20\n"
			       "retention_age = 30d\n"
			       "retention_rows = 1000000\n"
			       "retention_read_age = 0\n"
			       "retention_read_rows = 0\n"
			       "retention_unread_age = 0\n"
			       "retention_unread_rows = 0\n"
			       "retention_broadcast_age = 0\n"
			       "retention_broadcast_rows = 0\n"
			       "log_level = info\n"
			       "log_target = stderr\n"
			       "sandbox = on\n";

static void has_every_default(void **state)
{
	struct config *c = load(*state, "");
	char *text = printed(c);

	assert_string_equal(text, defaults);
	assert_null(c->database);
	assert_int_equal(c->heartbeat_ms, 30000);
	assert_true(c->rate_limit);
	assert_int_equal(c->retain.age_ms, INT64_C(2592000000));
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	free(text);
	config_free(c);
}

static const char every_key[] =
    "database = /var/lib/belfry/belfry.db\n"
    "base_path = /n\n"
    "heartbeat = 1500ms\n"
    "retry = 5m\n"
    "stream_lifetime = 4m\n"
    "stream_mode = poll\n"
    "max_streams = 7\n"
    "max_streams_per_user = 2\n"
    "workers = 1\n"
    "synchronous = FULL\n"
    "session_cookie = connect.sid\n"
    "session_cookie_format = signed\n"
    "session_query = SELECT u FROM s WHERE t = :token ; -- # 1\n"
    "session_database = /var/lib/app/app.db\n"
    "remote_user = on\n"
    "cors_origins = https://a.example http://localhost:3000\n"
    "rate_limit = connect=1/s:4,read=2/s:9,write=3/s:12,publish=4/s:16\n"
    "rate_limit_address = 0\n"
    "retention_age = 36h\n"
    "retention_rows = 5\n"
    "retention_read_age = 90d\n"
    "retention_read_rows = 1000\n"
    "retention_unread_age = 365d\n"
    "retention_unread_rows = 2000\n"
    "retention_broadcast_age = 1h\n"
    "retention_broadcast_rows = 10\n"
    "log_level = debug\n"
    "log_target = syslog\n"
    "sandbox = off\n";

static void prints_what_it_reads(void **state)
{
	struct config *c = load(*state, every_key);
	char *text = printed(c);

	assert_string_equal(text, every_key);
	assert_true(c->synchronous_full);
	assert_int_equal(c->stream_mode, STREAM_MODE_POLL);
	assert_int_equal(c->session_cookie_format, COOKIE_FORMAT_SIGNED);
	assert_int_equal(c->stream_lifetime_ms, 240000);
	assert_int_equal(c->rate_read.per_second, 2);
	assert_int_equal(c->rate_read.burst, 9);
	assert_string_equal(c->cors_origins[1], "http://localhost:3000");
	assert_null(c->cors_origins[2]);
	free(text);
	config_free(c);
}

static void environment_wins(void **state)
{
	struct config *c;

	setenv("BELFRY_HEARTBEAT", "5s", 1);
	setenv("BELFRY_SESSION_QUERY", "", 1);
	setenv("BELFRY_DATABASE", "here.db", 1);
	setenv("BELFRY_BIN", "/usr/bin/belfry", 1);
	c = load(*state, "heartbeat = 10s\nretry = 9s\ndatabase = x\n"
			 "session_query = SELECT :token\n");
	assert_int_equal(c->heartbeat_ms, 5000);
	assert_int_equal(c->retry_ms, 9000);
	assert_null(c->session_query);
	assert_string_equal(c->database, "here.db");
	config_free(c);
}

static void environment_names_the_file(void **state)
{
	struct fixture *f = *state;
	struct config *c = NULL;
	struct err err;

	write_bytes(f, "workers = 3\n", 12);
	setenv("BELFRY_CONFIG", f->file, 1);
	assert_int_equal(config_load(&c, NULL, CONFIG_HOST_ANY, &err), 0);
	assert_int_equal(c->workers, 3);
	assert_string_equal(c->path, f->file);
	config_free(c);
	setenv("BELFRY_CONFIG", "", 1);
	assert_int_equal(config_load(&c, NULL, CONFIG_HOST_ANY, &err), 0);
	assert_null(c->path);
	config_free(c);
}

/* mod_fcgid kills long streams and holds answers back; who says explicitly
 * what is to be gets that. */
static void mod_fcgid_has_defaults_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct config *c = NULL;
	struct err err;

	assert_int_equal(config_load(&c, NULL, CONFIG_HOST_MOD_FCGID, &err), 0);
	assert_int_equal(c->stream_lifetime_ms, 240000);
	assert_int_equal(c->stream_mode, STREAM_MODE_POLL);
	config_free(c);
	write_bytes(f, "stream_lifetime = 0\nstream_mode = stream\n", 41);
	assert_int_equal(config_load(&c, f->file, CONFIG_HOST_MOD_FCGID, &err),
			 0);
	assert_int_equal(c->stream_lifetime_ms, 0);
	assert_int_equal(c->stream_mode, STREAM_MODE_STREAM);
	config_free(c);
	assert_int_equal(config_load(&c, NULL, CONFIG_HOST_CGI, &err), 0);
	assert_int_equal(c->stream_lifetime_ms, 0);
	assert_int_equal(c->stream_mode, STREAM_MODE_AUTO);
	config_free(c);
}

static void paths_start_at_the_file(void **state)
{
	struct fixture *f = *state;
	struct config *c = load(f, "database = data/belfry.db\n"
				   "session_query = SELECT :token\n"
				   "session_database = ../app.db\n");
	char expected[256];

	snprintf(expected, sizeof(expected), "%s/data/belfry.db", f->folder);
	assert_string_equal(c->database, expected);
	snprintf(expected, sizeof(expected), "%s/../app.db", f->folder);
	assert_string_equal(c->session_database, expected);
	config_free(c);
}

static void takes_any_layout(void **state)
{
	struct config *c =
	    load(*state, "\xef\xbb\xbf# a comment = x\r\n\r\n"
			 "\t workers\t=\t2 \r\n   # another\n"
			 "cors_origins=https://a.example,  http://[::1]:8080\n"
			 "synchronous = full");

	assert_int_equal(c->workers, 2);
	assert_string_equal(c->cors_origins[0], "https://a.example");
	assert_string_equal(c->cors_origins[1], "http://[::1]:8080");
	assert_null(c->cors_origins[2]);
	assert_true(c->synchronous_full);
	config_free(c);
}

static void values_are_never_cut(void **state)
{
	static const char start[] = "session_query = SELECT ':token', \"#\" ; ";
	size_t n = 20000;
	char *text = calloc(1, sizeof(start) + n);
	struct config *c;

	memcpy(text, start, sizeof(start));
	memset(text + sizeof(start) - 1, 'x', n);
	c = load(*state, text);
	assert_string_equal(c->session_query, strchr(text, 'S'));
	config_free(c);
	free(text);
}

/* What is wrong in a file, and what is said of it (after the file's name). */
static const struct {
	const char *text, *message;
} wrong[] = {
    {"workers = 1\nheartbeet = 3s\n",
     ":2: unknown key \"heartbeet\" (did you mean heartbeat?)"},
    {"colour = red\n", ":1: unknown key \"colour\""},
    {"HEARTBEAT = 3s\n", ":1: unknown key \"HEARTBEAT\""},
    {"[belfry]\n", ":1: expected key = value, found \"[belfry]\""},
    {"; old style\n", ":1: expected key = value, found \"; old style\""},
    {"workers = 1\n\nworkers = 2\n",
     ":3: workers: expected once, found in line 1 already"},
    {"heartbeat = soon\n", ":1: heartbeat: expected a duration from 1s to 1h, "
			   "such as 30s, found \"soon\""},
    {"heartbeat = 999ms\n", ":1: heartbeat: expected a duration"},
    {"heartbeat = 30\n", ":1: heartbeat: expected a duration"},
    {"heartbeat = 30s # slow\n", ":1: heartbeat: expected a duration"},
    {"heartbeat = 2h\n", ":1: heartbeat: expected a duration"},
    {"heartbeat = 0\n", ":1: heartbeat: expected a duration"},
    {"heartbeat = -5s\n", ":1: heartbeat: expected a duration"},
    {"heartbeat =\n", ":1: heartbeat: expected a duration from 1s to 1h, such "
		      "as 30s, found \"\""},
    {"retry = 10ms\n", ":1: retry: expected a duration"},
    {"retention_age = 99999999999999999999d\n",
     ":1: retention_age: expected a duration"},
    {"retention_read_age = 10\n",
     ":1: retention_read_age: expected 0 (no limit) or a duration"},
    {"retention_unread_rows = -1\n",
     ":1: retention_unread_rows: expected 0 (no limit) or a number"},
    {"retention_age = 999999999999999d\n",
     ":1: retention_age: expected a duration"},
    {"workers = 65\n", ":1: workers: expected a number from 1 to 64, found "
		       "\"65\""},
    {"workers = 0\n", ":1: workers: expected a number"},
    {"max_streams = 1e4\n", ":1: max_streams: expected a number"},
    {"base_path = api\n", ":1: base_path: expected a path that starts with /"},
    {"base_path = /api/\n", ":1: base_path: expected a path"},
    {"base_path = /\n", ":1: base_path: expected a path"},
    {"base_path = /a?b\n", ":1: base_path: expected a path"},
    {"stream_mode = fast\n", ":1: stream_mode: expected auto, stream or poll, "
			     "found \"fast\""},
    {"remote_user = yes\n", ":1: remote_user: expected on or off"},
    {"synchronous = OFF\n", ":1: synchronous: expected NORMAL or FULL"},
    {"session_cookie = a b\n", ":1: session_cookie: expected the name of a "
			       "cookie"},
    {"session_query = SELECT 1\n",
     ":1: session_query: expected a SELECT with :token in it"},
    {"session_query = SELECT :tokens\n", ":1: session_query: expected"},
    {"session_database = a.db\n",
     "session_database: expected with a session_query"},
    {"database = a.db\nsession_database = a.db\n"
     "session_query = SELECT user_id FROM s WHERE t = :token\n",
     "session_database: expected another file than the database"},
    {"cors_origins = *\n", ":1: cors_origins: expected a list of "
			   "scheme://host"},
    {"cors_origins = https://a.example/\n", ":1: cors_origins: expected"},
    {"cors_origins = https://A.example\n", ":1: cors_origins: expected"},
    {"cors_origins = https://a.example:443\n", ":1: cors_origins: expected"},
    {"cors_origins = http://a.example:80\n", ":1: cors_origins: expected"},
    {"cors_origins = https://a.example:99999\n", ":1: cors_origins: expected"},
    {"cors_origins = https://a.example:\n", ":1: cors_origins: expected"},
    {"cors_origins = https://*.a.example\n", ":1: cors_origins: expected"},
    {"cors_origins = https://a.example null\n", ":1: cors_origins: expected"},
    {"rate_limit = 5/s\n", ":1: rate_limit: expected on, off, or connect=N/s"},
    {"rate_limit = connect=5\n", ":1: rate_limit: expected"},
    {"rate_limit = connect=0/s\n", ":1: rate_limit: expected"},
    {"rate_limit = connect=5/s read\n", ":1: rate_limit: expected"},
    {"rate_limit = connect=5/sread=1/s\n", ":1: rate_limit: expected"},
    {"rate_limit = delete=5/s\n", ":1: rate_limit: expected"},
    {"log_level = loud\n", ":1: log_level: expected error, warn, info or "
			   "debug"},
};

static void says_what_is_wrong(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err;
		const char *message;

		write_bytes(f, wrong[i].text, strlen(wrong[i].text));
		message = refusal(f, &err);
		if (strncmp(message, wrong[i].message,
			    strlen(wrong[i].message)) != 0)
			fail_msg("%s gave \"%s\", expected \"%s\"",
				 wrong[i].text, message, wrong[i].message);
	}
}

static void says_what_is_wrong_in_the_environment(void **state)
{
	const struct fixture *f = *state;
	struct err err;

	write_bytes(f, "", 0);
	setenv("BELFRY_HEARTBEET", "5s", 1);
	assert_string_equal(refusal(f, &err),
			    "unknown key \"BELFRY_HEARTBEET\" in the "
			    "environment (did you mean BELFRY_HEARTBEAT?)");
	unsetenv("BELFRY_HEARTBEET");
	setenv("BELFRY_HEARTBEAT", "x\n\x1b[31m", 1);
	assert_non_null(
	    strstr(refusal(f, &err), "BELFRY_HEARTBEAT: expected a duration"));
	assert_null(strpbrk(err.message, "\n\x1b"));
}

static void refuses_what_is_no_text(void **state)
{
	struct fixture *f = *state;
	struct err err;
	char *large = calloc(1, 2 << 20);

	write_bytes(f, "workers = 1\nlog\0level = info\n", 30);
	assert_string_equal(refusal(f, &err),
			    ":2: expected text, found a NUL byte");
	memset(large, '\n', 2 << 20);
	write_bytes(f, large, 2 << 20);
	free(large);
	assert_non_null(strstr(refusal(f, &err), "expected a configuration"));
	unlink(f->file);
	assert_string_equal(refusal(f, &err), ": No such file or directory");
	assert_int_equal(mkdir(f->file, 0700), 0);
	assert_string_equal(refusal(f, &err), ": Is a directory");
	rmdir(f->file);
}

static int check(struct config *c, const char *database, const char *root,
		 struct err *err)
{
	char copy[PATH_MAX];
	char *before = c->database;
	int result;

	snprintf(copy, sizeof(copy), "%s", database);
	c->database = copy;
	err->message[0] = '\0';
	result = config_check_database(c, root, err);
	c->database = before;
	return result;
}

static void keeps_the_database_out_of_the_document_root(void **state)
{
	struct fixture *f = *state;
	struct config *c = load(f, "");
	char inside[PATH_MAX], beside[PATH_MAX], dots[PATH_MAX];
	struct err err;

	snprintf(inside, sizeof(inside), "%s/belfry.db", f->folder);
	snprintf(beside, sizeof(beside), "%s-data/belfry.db", f->folder);
	snprintf(dots, sizeof(dots), "%s/../%s/belfry.db", f->folder,
		 strrchr(f->folder, '/') + 1);
	assert_int_equal(config_check_database(c, f->folder, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.message, "database is not set"));
	assert_int_equal(check(c, inside, NULL, &err), 0);
	assert_int_equal(check(c, inside, "", &err), 0);
	assert_int_equal(check(c, inside, "/nowhere/at/all", &err), 0);
	assert_int_equal(check(c, beside, f->folder, &err), 0);
	assert_int_equal(check(c, inside, f->folder, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(check(c, dots, f->folder, &err), -1);
	assert_int_equal(check(c, f->file, f->folder, &err), -1);
	assert_int_equal(check(c, inside, "/", &err), -1);
	config_free(c);
}

static void durations_come_back_as_they_went(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} table[] = {
	    {0, "0"},		{1, "1ms"},
	    {999, "999ms"},	{1000, "1s"},
	    {90000, "90s"},	{60000, "1m"},
	    {3600000, "1h"},	{86400000, "1d"},
	    {129600000, "36h"}, {86400001, "86400001ms"},
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf b;

		buf_init(&b, 64);
		config_put_duration(&b, table[i].ms);
		assert_true(span_equal_text(buf_span(&b), table[i].text));
		assert_int_equal(config_parse_duration(table[i].text, &ms), 0);
		assert_int_equal(ms, table[i].ms);
		buf_fini(&b);
	}
	ms = 77;
	assert_int_equal(config_parse_duration("1 s", &ms), -1);
	assert_int_equal(config_parse_duration("", &ms), -1);
	assert_int_equal(config_parse_duration("s", &ms), -1);
	assert_int_equal(config_parse_duration("00", &ms), 0);
	assert_int_equal(ms, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(has_every_default),
	    TEST(prints_what_it_reads),
	    TEST(environment_wins),
	    TEST(environment_names_the_file),
	    TEST(mod_fcgid_has_defaults_of_its_own),
	    TEST(paths_start_at_the_file),
	    TEST(takes_any_layout),
	    TEST(values_are_never_cut),
	    TEST(says_what_is_wrong),
	    TEST(says_what_is_wrong_in_the_environment),
	    TEST(refuses_what_is_no_text),
	    TEST(keeps_the_database_out_of_the_document_root),
	    TEST(durations_come_back_as_they_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
