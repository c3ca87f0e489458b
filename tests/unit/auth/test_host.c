/*
 * auth: the host application's sessions, in a real table of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/fixture.h"
#include "lib/clock.h"

static void a_host_session_is_its_user(void **state)
{
	for (int own_file = 0; own_file < 2; own_file++) {
		struct auth_fixture *f = *state;

		host(f, own_file);
		is(identify(f, COOKIE, "t-alice"), "alice");
		assert_int_equal(f->who.credential, CREDENTIAL_HOST_SESSION);
		assert_int_equal(f->who.scopes, SCOPE_READ);
		assert_true(f->who.ambient);
		assert_int_equal(f->who.id, 0);
		is(f->who.host_secret, "t-alice");
		is(identify(f, COOKIE, "t-number"), "42");
		refused(identify(f, COOKIE, "t-old"));
		refused(identify(f, COOKIE, "t-empty"));
		refused(identify(f, COOKIE, "t-null"));
		refused(identify(f, COOKIE, "t-all"));
		refused(identify(f, COOKIE, "t-nobody"));
		/* These are there, but no cookie may hold them. */
		refused(identify(f, COOKIE, "t-\xc3\xa9"));
		refused(identify(f, COOKIE, "t\\t"));
		refused(identify(f, COOKIE, "t t"));
		refused(identify(f, BEARER, "t-alice"));
		is(identify(f, COOKIE, f->session), "alice");
		assert_int_equal(f->who.credential, CREDENTIAL_SESSION);
	}
}

static void a_signed_cookie_is_what_stands_before_its_signature(void **state)
{
	struct auth_fixture *f = *state;

	host(f, false);
	f->config.session_cookie_format = COOKIE_FORMAT_SIGNED;
	/* express-session, Better Auth, and both without encoding */
	is(identify(f, COOKIE, "s%3At-alice.K%2Fx%2B%3D"), "alice");
	is(identify(f, COOKIE, "t-alice.K%2fx+%3d"), "alice");
	is(identify(f, COOKIE, "s:t-alice.Kx"), "alice");
	is(identify(f, COOKIE, "t%2Dalice.Kx"), "alice");
	is(f->who.host_secret, "t-alice");
	refused(identify(f, COOKIE, "t-alice.Kx.y"));
	refused(identify(f, COOKIE, "t-alice"));
	refused(identify(f, COOKIE, ".Kx"));
	refused(identify(f, COOKIE, "s%3A.Kx"));
	refused(identify(f, COOKIE, "t-alice.K%2"));
	refused(identify(f, COOKIE, "t-alice%00.Kx"));
	refused(identify(f, COOKIE, "t-alice.K%zz"));
	f->config.session_cookie_format = COOKIE_FORMAT_RAW;
	refused(identify(f, COOKIE, "s%3At-alice.Kx"));
}

static void the_query_knows_the_time(void **state)
{
	static char query[] =
	    "SELECT 'u' WHERE :token = 't' AND abs(:now_s - "
	    "strftime('%s', 'now')) <= 2 AND :now_ms / 1000 = :now_s AND "
	    "abs(julianday(:now_iso) - julianday('now')) < 1e-4";
	struct auth_fixture *f = *state;

	f->config.session_query = query;
	is(identify(f, COOKIE, "t"), "u");
}

static void a_busy_host_signs_nobody_out(void **state)
{
	struct auth_fixture *f = *state;
	struct db *writer;

	host(f, true);
	writer = open_database(f->host_path);
	execute(writer, "BEGIN EXCLUSIVE");
	is(identify(f, COOKIE, "t-alice"), "busy");
	assert_int_equal(auth_host_session_alive(f->auth, f->db,
						 SPAN("t-alice"), SPAN("alice"),
						 &f->err),
			 -1);
	assert_int_equal(f->err.code, ERR_BUSY);
	execute(writer, "ROLLBACK");
	is(identify(f, COOKIE, "t-alice"), "alice");
	db_close(writer);
}

static void a_broken_host_signs_nobody_out(void **state)
{
	struct auth_fixture *f = *state;
	struct db *db;

	host(f, true);
	assert_int_equal(unlink(f->host_path), 0);
	is(identify(f, COOKIE, "t-alice"), "unavailable");
	assert_null(strstr(f->err.message, f->folder));
	assert_int_equal(auth_check_host(f->auth, f->db, &f->err), -1);
	db = open_database(f->host_path);
	execute(db, "CREATE TABLE other(x)");
	is(identify(f, COOKIE, "t-alice"), "unavailable");
	assert_int_equal(auth_check_host(f->auth, f->db, &f->err), -1);
	assert_non_null(strstr(f->err.message, "no such table: session"));
	execute(db, HOST_TABLE);
	is(identify(f, COOKIE, "t-alice"), "alice");
	assert_int_equal(auth_check_host(f->auth, f->db, &f->err), 0);
	db_close(db);
}

static void a_host_file_that_is_replaced_is_opened_anew(void **state)
{
	struct auth_fixture *f = *state;
	struct db *db;

	host(f, true);
	is(identify(f, COOKIE, "t-alice"), "alice");
	assert_int_equal(unlink(f->host_path), 0);
	db = open_database(f->host_path);
	execute(db, HOST_TABLE "; UPDATE session SET user_id = 'al'");
	db_close(db);
	is(identify(f, COOKIE, "t-alice"), "al");
}

static void the_host_is_never_written(void **state)
{
	static char query[] = "DELETE FROM session WHERE token = :token";
	struct auth_fixture *f = *state;

	host(f, true);
	f->config.session_query = query;
	is(identify(f, COOKIE, "t-alice"), "unavailable");
	assert_int_equal(auth_check_host(f->auth, f->db, &f->err), -1);
	assert_int_equal(f->err.code, ERR_INVALID);
}

static int alive(struct auth_fixture *f, const char *secret, const char *user)
{
	return auth_host_session_alive(f->auth, f->db, span_of(secret),
				       span_of(user), &f->err);
}

static void a_host_session_is_looked_at_again(void **state)
{
	struct auth_fixture *f = *state;

	host(f, false);
	assert_int_equal(alive(f, "t-alice", "alice"), 1);
	assert_int_equal(alive(f, "t-alice", "bob"), 0);
	assert_int_equal(alive(f, "t-old", "alice"), 0);
	assert_int_equal(alive(f, "t-nobody", "alice"), 0);
	execute(f->db, "DELETE FROM session");
	assert_int_equal(alive(f, "t-alice", "alice"), 0);
}

/* As if it had been written long ago. */
static void settle(const char *path, time_t at)
{
	const struct timespec times[2] = {{at, 0}, {at, 0}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void look_again(struct auth_fixture *f, struct auth_host_file *file,
		       struct auth_host_look *looks, size_t n)
{
	assert_int_equal(
	    auth_host_look(f->auth, f->db, file, looks, n, &f->err), 0);
}

static void a_host_file_that_did_not_change_is_left_alone(void **state)
{
	struct auth_fixture *f = *state;
	struct auth_host_file file = {0};
	struct auth_host_look looks[] = {{"t-alice", "alice", 0, false, NULL},
					 {"t-soon", "alice", 0, false, NULL}};
	struct db *writer;

	host(f, true);
	writer = open_database(f->host_path);
	execute(writer, "INSERT INTO session VALUES ('t-soon', 'alice', CAST("
			"(julianday('now') - 2440587.5) * 86400000 AS INTEGER) "
			"+ 60000)");
	settle(f->host_path, 1000000000);
	look_again(f, &file, looks, 2);
	assert_false(looks[0].over || looks[1].over);
	assert_true(looks[0].good_until_ms > clock_wall_ms() + 3000000);
	assert_true(looks[1].good_until_ms == 0);

	/* Not asked about: a lock of the application's own is not met. */
	execute(writer, "BEGIN EXCLUSIVE");
	look_again(f, &file, looks, 1);
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, looks, 2, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BUSY);
	assert_false(looks[0].over || looks[1].over);
	execute(writer, "ROLLBACK");
	look_again(f, &file, looks, 2);

	execute(writer, "DELETE FROM session WHERE token = 't-alice'");
	settle(f->host_path, 1000000001);
	look_again(f, &file, looks, 2);
	assert_true(looks[0].over);
	assert_false(looks[1].over);
	db_close(writer);
}

/* SQLite has the -wal where the file is, not where the link is. */
static void a_host_file_behind_a_link_is_not_left_alone(void **state)
{
	struct auth_fixture *f = *state;
	struct auth_host_file file = {0};
	struct auth_host_look look = {"t-alice", "alice", 0, false, NULL};
	char link[160], wal[160];
	struct db *writer;

	host(f, true);
	snprintf(link, sizeof(link), "%s/link.db", f->folder);
	snprintf(wal, sizeof(wal), "%s-wal", f->host_path);
	assert_int_equal(symlink("host.db", link), 0);
	f->config.session_database = link;
	writer = open_database(f->host_path);
	execute(writer, "PRAGMA journal_mode = WAL; INSERT INTO session VALUES "
			"('t', 'bob', 1 << 50)");
	settle(f->host_path, 1000000000);
	settle(wal, 1000000000);
	look_again(f, &file, &look, 1);
	assert_false(look.over);
	execute(writer, "DELETE FROM session WHERE token = 't-alice'");
	settle(wal, 1000000001);
	look_again(f, &file, &look, 1);
	assert_true(look.over);
	db_close(writer);
}

static void a_query_with_a_clock_of_its_own_is_asked_each_time(void **state)
{
#define QUERY                                                                  \
	"SELECT user_id FROM session WHERE token = :token AND expires > "      \
	":now_ms AND "
	static const struct {
		char query[256];
		bool own;
	} cases[] = {
	    {QUERY "datetime('now') > '2000'", true},
	    {QUERY "current_timestamp > '2000'", true},
	    {QUERY "Unixepoch ( ) > 1", true},
	    {QUERY "datetime() > '2000'", true},
	    {QUERY "date() > '2000'", true},
	    {QUERY "strftime('%Y') > '2000'", true},
	    {QUERY "strftime('%Y', expires / 1000000, 'unixepoch') > '0'",
	     false},
	    {QUERY "datetime(expires / 1000000, 'unixepoch') > '0'", false},
	};
	struct auth_fixture *f = *state;

	host(f, true);
	settle(f->host_path, 1000000000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_host_file file = {0};
		struct auth_host_look look = {"t-alice", "alice", 0, false,
					      NULL};
		char query[256];

		strcpy(query, cases[i].query);
		f->config.session_query = query;
		look_again(f, &file, &look, 1);
		if (look.over || (look.good_until_ms == 0) != cases[i].own)
			fail_msg("%s", query);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_host_session_is_its_user),
	    TEST(a_signed_cookie_is_what_stands_before_its_signature),
	    TEST(the_query_knows_the_time),
	    TEST(a_busy_host_signs_nobody_out),
	    TEST(a_broken_host_signs_nobody_out),
	    TEST(a_host_file_that_is_replaced_is_opened_anew),
	    TEST(the_host_is_never_written),
	    TEST(a_host_session_is_looked_at_again),
	    TEST(a_host_file_that_did_not_change_is_left_alone),
	    TEST(a_host_file_behind_a_link_is_not_left_alone),
	    TEST(a_query_with_a_clock_of_its_own_is_asked_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
