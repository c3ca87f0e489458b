/*
 * auth: real requests (FastCGI, parsed as the responder does) against a real
 * database and a real session table of a host application's.
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

#include "auth.h"
#include "config.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"

#define HOST_QUERY                                                             \
	"SELECT user_id FROM session WHERE token = :token AND expires > "      \
	":now_ms"
#define HOST_TABLE                                                             \
	"CREATE TABLE session(token TEXT, user_id, expires INTEGER);"          \
	"INSERT INTO session VALUES ('t-alice', 'alice', 1 << 50),"            \
	" ('t-old', 'alice', 1000), ('t-number', 42, 1 << 50),"                \
	" ('t-empty', '', 1 << 50), ('t-null', NULL, 1 << 50),"                \
	" ('t-all', '*', 1 << 50), ('t-\xc3\xa9', 'eve', 1 << 50),"            \
	" ('t\\t', 'eve', 1 << 50), ('t t', 'eve', 1 << 50)"

struct fixture {
	char folder[64], path[128], host_path[128];
	struct config config;
	struct db *db;
	struct auth *auth;
	struct identity who;
	struct err err;
	char session[64], token[64]; /* alice's; read, and read,publish */
	int64_t session_id, token_id;
};

static struct db *open_database(const char *path)
{
	struct db_options options = {
	    .path = path, .create = true, .busy_timeout_ms = 1000};
	struct db *db = NULL;
	struct err err;

	if (db_open(&db, &options, &err) < 0)
		fail_msg("%s", err.message);
	return db;
}

static void execute(struct db *db, const char *sql)
{
	struct err err;

	if (db_exec(db, sql, &err) < 0)
		fail_msg("%s", err.message);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->folder, sizeof(f->folder), "/tmp/belfry-auth.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/belfry.db", f->folder);
	snprintf(f->host_path, sizeof(f->host_path), "%s/host.db", f->folder);
	f->db = open_database(f->path);
	if (db_migrate(f->db, &f->err) < 0 ||
	    auth_open(&f->auth, &f->config, &f->err) < 0 ||
	    auth_create(f->db, AUTH_SESSIONS, SPAN("alice"), SCOPE_READ, 60000,
			f->session, &f->session_id, &f->err) < 0 ||
	    auth_create(f->db, AUTH_TOKENS, SPAN("alice"),
			SCOPE_READ | SCOPE_PUBLISH, 0, f->token, &f->token_id,
			&f->err) < 0)
		fail_msg("%s", f->err.message);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	identity_fini(&f->who);
	auth_close(f->auth);
	db_close(f->db);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* ---- requests ---- */

static void put_record(struct buf *b, char type, struct span content)
{
	char head[8] = {1,
			type,
			0,
			1,
			(char)(content.len >> 8),
			(char)(content.len & 0xff)};

	buf_append(b, head, sizeof(head));
	buf_put(b, content);
}

static void put_pair(struct buf *b, const char *name, const char *value)
{
	size_t length = strlen(value);
	const char long_length[4] = {(char)(0x80 | (length >> 24)),
				     (char)(length >> 16), (char)(length >> 8),
				     (char)length};

	buf_putc(b, (char)strlen(name));
	if (length > 127)
		buf_append(b, long_length, sizeof(long_length));
	else
		buf_putc(b, (char)length);
	buf_puts(b, name);
	buf_puts(b, value);
}

/* "NAME=value" lines, as the web server would send them. */
static struct request *make_request(const char *lines)
{
	struct fcgi_gather gather;
	struct request *request = NULL;
	struct buf params, records;
	struct err err;
	char *copy = strdup(lines), *rest = copy, *line;

	buf_init(&params, 1 << 20);
	buf_init(&records, 1 << 20);
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value = '\0';
		put_pair(&params, line, value + 1);
	}
	put_record(&records, 1, SPAN("\0\1\0\0\0\0\0\0"));
	put_record(&records, 4, buf_span(&params));
	put_record(&records, 4, SPAN(""));
	put_record(&records, 5, SPAN(""));
	fcgi_gather_init(&gather, 1024);
	assert_int_equal(
	    fcgi_gather_feed(&gather, records.data, records.len, &err),
	    FCGI_COMPLETE);
	assert_int_equal(request_parse(&request, &gather, &err), 0);
	buf_fini(&params);
	buf_fini(&records);
	free(copy);
	return request;
}

static int identify_by(struct fixture *f, const char *lines, bool consume)
{
	struct request *request = make_request(lines);
	bool ticket = auth_has_ticket(f->auth, request);
	int result;

	identity_fini(&f->who);
	f->err = (struct err){ERR_OK, ""};
	if ((ticket ? db_begin_write(f->db, &f->err)
		    : db_begin_read(f->db, &f->err)) < 0)
		fail_msg("%s", f->err.message);
	result =
	    auth_identify(f->auth, f->db, request, consume, &f->who, &f->err);
	if (result == 0)
		assert_int_equal(db_commit(f->db, &f->err), 0);
	else
		db_rollback(f->db);
	request_free(request);
	return result;
}

#define identify(f, lines, secret)                                             \
	identify_with(f, lines, secret, true, __LINE__)

/* The secret takes the place of @.  Gives the user, or the name of the error;
 * what is said never holds the secret. */
static const char *identify_with(struct fixture *f, const char *lines,
				 const char *secret, bool consume, int line)
{
	size_t before = strcspn(lines, "@");
	char text[8192];

	snprintf(text, sizeof(text), "%.*s%s%s", (int)before, lines, secret,
		 lines[before] ? lines + before + 1 : "");
	if (identify_by(f, text, consume) == 0)
		return f->who.user;
	if (strlen(secret) > 3 && strstr(f->err.message, secret))
		fail_msg("line %d: the message holds the secret: %s", line,
			 f->err.message);
	return err_name(f->err.code);
}

#define BEARER	   "HTTP_AUTHORIZATION=Bearer @"
#define COOKIE	   "HTTP_COOKIE=belfry_session=@"
#define TICKET	   "QUERY_STRING=ticket=@"
#define is(a, b)   assert_string_equal(a, b)
#define refused(a) assert_string_equal(a, "unauthorized")

/* ---- sessions and tokens ---- */

static void a_token_is_its_user(void **state)
{
	struct fixture *f = *state;

	is(identify(f, BEARER, f->token), "alice");
	assert_int_equal(f->who.credential, CREDENTIAL_TOKEN);
	assert_false(f->who.ambient);
	assert_int_equal(f->who.id, f->token_id);
	assert_int_equal(f->who.scopes, SCOPE_READ | SCOPE_PUBLISH);
	assert_int_equal(f->who.expires_at, 0);
	is(identify(f, "HTTP_AUTHORIZATION=bEARER   @ ", f->token), "alice");
}

static void a_session_is_its_user(void **state)
{
	struct fixture *f = *state;

	is(identify(f, COOKIE, f->session), "alice");
	assert_int_equal(f->who.credential, CREDENTIAL_SESSION);
	assert_true(f->who.ambient);
	assert_int_equal(f->who.id, f->session_id);
	assert_int_equal(f->who.scopes, SCOPE_READ);
	assert_true(f->who.expires_at > clock_wall_ms());
	assert_true(f->who.expires_at <= clock_wall_ms() + 60000);
}

static void what_is_not_known_is_refused(void **state)
{
	struct fixture *f = *state;
	char wrong[64];

	refused(identify(f, "REQUEST_METHOD=GET@", ""));
	memcpy(wrong, f->token, sizeof(wrong));
	wrong[20] = wrong[20] == 'a' ? 'b' : 'a';
	refused(identify(f, BEARER, wrong));
	refused(identify(f, BEARER, f->session));
	refused(identify(f, COOKIE, f->token));
	refused(identify(f, BEARER, ""));
	refused(identify(f, "HTTP_AUTHORIZATION=Bearer@", ""));
	refused(identify(f, BEARER "\x01", f->token));
	refused(identify(f, BEARER " more", f->token));
	is(f->err.message, "the credential is malformed");
	refused(identify(f, COOKIE, ""));
	execute(f->db, "UPDATE tokens SET expires_at = 1000");
	refused(identify(f, BEARER, f->token));
	execute(f->db, "DELETE FROM sessions");
	refused(identify(f, COOKIE, f->session));
}

static void expiry_is_exact(void **state)
{
	struct fixture *f = *state;
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE tokens SET expires_at = %lld",
		 (long long)clock_wall_ms());
	execute(f->db, sql);
	refused(identify(f, BEARER, f->token));
}

static void scopes_of_a_row_that_are_not_known_grant_nothing(void **state)
{
	struct fixture *f = *state;

	execute(f->db, "UPDATE tokens SET scopes = 'write, publish,,root'");
	is(identify(f, BEARER, f->token), "alice");
	assert_int_equal(f->who.scopes, SCOPE_PUBLISH);
	execute(f->db, "UPDATE tokens SET scopes = ''");
	is(identify(f, BEARER, f->token), "alice");
	assert_int_equal(f->who.scopes, 0);
}

static void the_first_that_is_there_decides(void **state)
{
	struct fixture *f = *state;
	char lines[512];

	f->config.remote_user = true;
	snprintf(lines, sizeof(lines),
		 "@\nHTTP_COOKIE=belfry_session=%s\nQUERY_STRING=ticket=x\n"
		 "REMOTE_USER=rita",
		 f->session);
	is(identify(f, lines, ""), "alice");
	refused(identify(f, lines, "HTTP_AUTHORIZATION=Bearer wrong"));
	/* Basic is the web server's own. */
	is(identify(f, lines, "HTTP_AUTHORIZATION=Basic cml0YTp4"), "alice");
	refused(identify(f,
			 "HTTP_COOKIE=belfry_session=@\n"
			 "REMOTE_USER=rita",
			 "wrong"));
	refused(
	    identify(f, "QUERY_STRING=ticket=@\nREMOTE_USER=rita", "wrong"));
	refused(identify(f, "QUERY_STRING=a=b&ticket@\nREMOTE_USER=rita", ""));
	is(identify(f, "HTTP_COOKIE=other=@\nREMOTE_USER=rita", "x"), "rita");
}

static void remote_user_counts_when_switched_on(void **state)
{
	struct fixture *f = *state;

	refused(identify(f, "REMOTE_USER=@", "rita"));
	f->config.remote_user = true;
	is(identify(f, "REMOTE_USER=@", "rita"), "rita");
	assert_int_equal(f->who.credential, CREDENTIAL_REMOTE_USER);
	assert_int_equal(f->who.scopes, SCOPE_READ);
	assert_true(f->who.ambient);
	refused(identify(f, "REMOTE_USER=@", "*"));
	refused(identify(f, "REMOTE_USER=@", ""));
}

/* ---- cookies ---- */

static void the_cookie_has_its_name(void **state)
{
	struct fixture *f = *state;
	char name[] = "connect.sid";

	is(identify(f, "HTTPS=on\nHTTP_COOKIE=__Host-belfry_session=@",
		    f->session),
	   "alice");
	is(identify(f,
		    "REQUEST_SCHEME=https\n"
		    "HTTP_COOKIE=__Host-belfry_session=@",
		    f->session),
	   "alice");
	refused(identify(f, "HTTPS=on\n" COOKIE, f->session));
	refused(identify(f, "HTTP_COOKIE=__Host-belfry_session=@", f->session));
	refused(identify(f, "HTTP_COOKIE=Belfry_session=@", f->session));
	refused(identify(f, "HTTP_COOKIE=xbelfry_session=@", f->session));
	f->config.session_cookie = name;
	is(identify(f, "HTTPS=on\nHTTP_COOKIE=connect.sid=@", f->session),
	   "alice");
	f->config.session_cookie = NULL;
}

static void cookies_are_read_as_rfc_6265_has_them(void **state)
{
	struct fixture *f = *state;

	is(identify(f, "HTTP_COOKIE=a=1; b; =c; belfry_session=@; d=4",
		    f->session),
	   "alice");
	is(identify(f, "HTTP_COOKIE=a=1;belfry_session=\"@\" ", f->session),
	   "alice");
	is(identify(f, "HTTP_COOKIE=belfry_session=@; belfry_session=x",
		    f->session),
	   "alice");
	refused(identify(f, "HTTP_COOKIE=belfry_session=x; belfry_session=@",
			 f->session));
	refused(identify(f, COOKIE " x", f->session));
	refused(identify(f, COOKIE ",x", f->session));
	refused(identify(f, COOKIE "\\", f->session));
	refused(identify(f, COOKIE "\xc3\xa9", f->session));
	refused(identify(f, "HTTP_COOKIE=belfry_session=\"@", f->session));
	refused(identify(f, "HTTP_COOKIE=belfry_session@", ""));
}

/* ---- the host application's sessions ---- */

static void host(struct fixture *f, bool own_file)
{
	static char query[] = HOST_QUERY;
	struct db *db;

	if (own_file) {
		db = open_database(f->host_path);
		execute(db, HOST_TABLE);
		db_close(db);
		f->config.session_database = f->host_path;
	} else {
		execute(f->db, HOST_TABLE);
	}
	f->config.session_query = query;
}

static void a_host_session_is_its_user(void **state)
{
	for (int own_file = 0; own_file < 2; own_file++) {
		struct fixture *f = *state;

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
	struct fixture *f = *state;

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
	struct fixture *f = *state;

	f->config.session_query = query;
	is(identify(f, COOKIE, "t"), "u");
}

static void a_busy_host_signs_nobody_out(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;

	host(f, true);
	f->config.session_query = query;
	is(identify(f, COOKIE, "t-alice"), "unavailable");
	assert_int_equal(auth_check_host(f->auth, f->db, &f->err), -1);
	assert_int_equal(f->err.code, ERR_INVALID);
}

static int alive(struct fixture *f, const char *secret, const char *user)
{
	return auth_host_session_alive(f->auth, f->db, span_of(secret),
				       span_of(user), &f->err);
}

static void a_host_session_is_looked_at_again(void **state)
{
	struct fixture *f = *state;

	host(f, false);
	assert_int_equal(alive(f, "t-alice", "alice"), 1);
	assert_int_equal(alive(f, "t-alice", "bob"), 0);
	assert_int_equal(alive(f, "t-old", "alice"), 0);
	assert_int_equal(alive(f, "t-nobody", "alice"), 0);
	execute(f->db, "DELETE FROM session");
	assert_int_equal(alive(f, "t-alice", "alice"), 0);
}

/* As if it had been written long ago. */
static void settle(struct fixture *f, time_t at)
{
	const struct timespec times[2] = {{at, 0}, {at, 0}};

	assert_int_equal(utimensat(AT_FDCWD, f->host_path, times, 0), 0);
}

static void a_host_file_that_did_not_change_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct auth_host_file file = {0};
	struct auth_host_look looks[] = {{"t-alice", "alice", 0, false, NULL},
					 {"t-soon", "alice", 0, false, NULL}};
	struct db *writer;

	host(f, true);
	writer = open_database(f->host_path);
	execute(writer, "INSERT INTO session VALUES ('t-soon', 'alice', CAST("
			"(julianday('now') - 2440587.5) * 86400000 AS INTEGER) "
			"+ 60000)");
	settle(f, 1000000000);
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, looks, 2, &f->err), 0);
	assert_false(looks[0].over || looks[1].over);
	assert_true(looks[0].good_until_ms > clock_wall_ms() + 3000000);
	assert_true(looks[1].good_until_ms == 0);

	/* Not asked about: a lock of the application's own is not met. */
	execute(writer, "BEGIN EXCLUSIVE");
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, looks, 1, &f->err), 0);
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, looks, 2, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BUSY);
	assert_false(looks[0].over || looks[1].over);
	execute(writer, "ROLLBACK");
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, looks, 2, &f->err), 0);

	execute(writer, "DELETE FROM session WHERE token = 't-alice'");
	settle(f, 1000000001);
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, looks, 2, &f->err), 0);
	assert_true(looks[0].over);
	assert_false(looks[1].over);
	db_close(writer);
}

static void a_query_with_a_clock_of_its_own_is_asked_each_time(void **state)
{
	static char query[] =
	    "SELECT user_id FROM session WHERE token = :token AND expires > "
	    ":now_ms AND datetime('now') > '2000'";
	struct fixture *f = *state;
	struct auth_host_file file = {0};
	struct auth_host_look look = {"t-alice", "alice", 0, false, NULL};

	host(f, true);
	f->config.session_query = query;
	settle(f, 1000000000);
	assert_int_equal(
	    auth_host_look(f->auth, f->db, &file, &look, 1, &f->err), 0);
	assert_false(look.over);
	assert_true(look.good_until_ms == 0);
}

/* ---- tickets ---- */

static const char *make_ticket(struct fixture *f, char secret[static 64])
{
	int64_t expires_at, now = clock_wall_ms();

	if (auth_create_ticket(f->db, &f->who, secret, &expires_at, &f->err) <
	    0)
		fail_msg("%s", f->err.message);
	assert_true(expires_at >= now + 60000);
	assert_true(expires_at <= clock_wall_ms() + 60000);
	assert_int_equal(strncmp(secret, "bfk_", 4), 0);
	return secret;
}

static void a_ticket_is_good_once(void **state)
{
	struct fixture *f = *state;
	char ticket[64];

	is(identify(f, COOKIE, f->session), "alice");
	make_ticket(f, ticket);
	is(identify_with(f, TICKET, ticket, false, __LINE__), "alice");
	is(identify_with(f, TICKET, ticket, false, __LINE__), "alice");
	is(identify(f, "QUERY_STRING=x=1&ticket=@&y=2", ticket), "alice");
	assert_int_equal(f->who.credential, CREDENTIAL_SESSION);
	assert_int_equal(f->who.id, f->session_id);
	assert_int_equal(f->who.scopes, SCOPE_READ);
	assert_true(f->who.expires_at > 0);
	assert_false(f->who.ambient);
	refused(identify(f, TICKET, ticket));
	refused(identify_with(f, TICKET, ticket, false, __LINE__));
}

static void a_ticket_may_be_percent_encoded(void **state)
{
	struct fixture *f = *state;
	char ticket[64];

	is(identify(f, BEARER, f->token), "alice");
	make_ticket(f, ticket);
	is(identify(f, "QUERY_STRING=ticket=%62fk%5F@", ticket + 4), "alice");
	assert_int_equal(f->who.credential, CREDENTIAL_TOKEN);
	assert_int_equal(f->who.id, f->token_id);
	is(identify(f, BEARER, f->token), "alice");
	make_ticket(f, ticket);
	refused(identify(f, "QUERY_STRING=ticket=@%00", ticket));
	refused(identify(f, "QUERY_STRING=ticket=@%4", ticket));
	refused(identify(f, "QUERY_STRING=ticket=@+", ticket));
	is(identify(f, TICKET, ticket), "alice");
}

static void a_ticket_ends_with_its_issuer(void **state)
{
	static const char *const ends[] = {
	    "DELETE FROM tokens",
	    "UPDATE tokens SET expires_at = 1000",
	    "UPDATE tokens SET user_id = 'bob'",
	    "UPDATE tickets SET expires_at = 1000",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char ticket[64];

		assert_int_equal(auth_create(f->db, AUTH_TOKENS, SPAN("alice"),
					     SCOPE_READ, 0, f->token,
					     &f->token_id, &f->err),
				 0);
		is(identify(f, BEARER, f->token), "alice");
		make_ticket(f, ticket);
		execute(f->db, ends[i]);
		refused(identify(f, TICKET, ticket));
	}
}

static void a_ticket_may_never_do_more_than_its_issuer(void **state)
{
	struct fixture *f = *state;
	char ticket[64];

	is(identify(f, BEARER, f->token), "alice");
	make_ticket(f, ticket);
	execute(f->db, "UPDATE tokens SET scopes = 'publish,admin'");
	is(identify(f, TICKET, ticket), "alice");
	assert_int_equal(f->who.scopes, SCOPE_PUBLISH);
}

static void a_host_sessions_ticket_asks_the_host(void **state)
{
	struct fixture *f = *state;
	struct db *writer;
	char one[64], two[64];

	host(f, true);
	is(identify(f, COOKIE, "t-alice"), "alice");
	make_ticket(f, one);
	make_ticket(f, two);
	writer = open_database(f->host_path);
	/* A lock does not use it up. */
	execute(writer, "BEGIN EXCLUSIVE");
	is(identify(f, TICKET, one), "busy");
	execute(writer, "ROLLBACK");
	is(identify(f, TICKET, one), "alice");
	assert_int_equal(f->who.credential, CREDENTIAL_HOST_SESSION);
	is(f->who.host_secret, "t-alice");
	execute(writer, "UPDATE session SET user_id = 'bob'");
	refused(identify(f, TICKET, two));
	db_close(writer);
}

static void a_remote_users_ticket_needs_remote_user(void **state)
{
	struct fixture *f = *state;
	char one[64], two[64];

	f->config.remote_user = true;
	is(identify(f, "REMOTE_USER=@", "rita"), "rita");
	make_ticket(f, one);
	make_ticket(f, two);
	is(identify(f, TICKET, one), "rita");
	assert_int_equal(f->who.scopes, SCOPE_READ);
	f->config.remote_user = false;
	refused(identify(f, TICKET, two));
}

static void old_tickets_go_with_the_next(void **state)
{
	struct fixture *f = *state;
	struct db_stmt *stmt;
	char ticket[64];

	is(identify(f, COOKIE, f->session), "alice");
	make_ticket(f, ticket);
	execute(f->db, "UPDATE tickets SET expires_at = 1000");
	make_ticket(f, ticket);
	assert_int_equal(db_query_text(f->db, "SELECT count(*) FROM tickets",
				       &stmt, &f->err),
			 0);
	assert_int_equal(db_step(stmt, &f->err), 1);
	assert_int_equal(db_int(stmt, 0), 1);
	db_reset(stmt);
}

/* ---- making them ---- */

static void a_secret_is_stored_as_its_hash(void **state)
{
	struct fixture *f = *state;
	char hash[CRYPTO_SHA256_HEX_BYTES];
	struct db_stmt *stmt;

	assert_int_equal(strlen(f->session), 47);
	assert_int_equal(strncmp(f->session, "bfs_", 4), 0);
	assert_int_equal(strncmp(f->token, "bft_", 4), 0);
	crypto_sha256_hex(span_of(f->session), hash);
	assert_int_equal(db_query_text(f->db,
				       "SELECT secret_sha256, user_id, scopes, "
				       "expires_at - created_at FROM sessions",
				       &stmt, &f->err),
			 0);
	assert_int_equal(db_step(stmt, &f->err), 1);
	assert_true(span_equal_text(db_text(stmt, 0), hash));
	assert_true(span_equal_text(db_text(stmt, 1), "alice"));
	assert_true(span_equal_text(db_text(stmt, 2), "read"));
	assert_int_equal(db_int(stmt, 3), 60000);
	db_reset(stmt);
}

static void nobody_and_everybody_get_none(void **state)
{
	struct fixture *f = *state;
	char secret[64] = "untouched";
	int64_t id;

	assert_int_equal(auth_create(f->db, AUTH_TOKENS, SPAN(""), SCOPE_READ,
				     0, secret, &id, &f->err),
			 -1);
	assert_int_equal(f->err.code, ERR_INVALID);
	assert_int_equal(auth_create(f->db, AUTH_SESSIONS, SPAN("*"),
				     SCOPE_READ, 0, secret, &id, &f->err),
			 -1);
	assert_int_equal(f->err.code, ERR_INVALID);
	assert_int_equal(auth_create(f->db, AUTH_SESSIONS, SPAN("a"),
				     SCOPE_READ, INT64_MAX, secret, &id,
				     &f->err),
			 -1);
	assert_int_equal(f->err.code, ERR_INVALID);
	is(secret, "untouched");
}

static void scopes_are_words(void **state)
{
	unsigned scopes = 0;
	struct err err;

	(void)state;
	for (unsigned i = 1; i < 8; i++) {
		assert_int_equal(auth_parse_scopes(span_of(auth_scopes_text(i)),
						   &scopes, &err),
				 0);
		assert_int_equal(scopes, i);
	}
	is(auth_scopes_text(0), "");
	assert_int_equal(
	    auth_parse_scopes(SPAN(" admin , read"), &scopes, &err), 0);
	assert_int_equal(scopes, SCOPE_READ | SCOPE_ADMIN);
	assert_int_equal(auth_parse_scopes(SPAN("read,root"), &scopes, &err),
			 -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.message, "root"));
	assert_int_equal(auth_parse_scopes(SPAN(" ,"), &scopes, &err), -1);
	assert_int_equal(auth_parse_scopes(SPAN_NONE, &scopes, &err), -1);
	assert_int_equal(scopes, SCOPE_READ | SCOPE_ADMIN);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_token_is_its_user),
	    TEST(a_session_is_its_user),
	    TEST(what_is_not_known_is_refused),
	    TEST(expiry_is_exact),
	    TEST(scopes_of_a_row_that_are_not_known_grant_nothing),
	    TEST(the_first_that_is_there_decides),
	    TEST(remote_user_counts_when_switched_on),
	    TEST(the_cookie_has_its_name),
	    TEST(cookies_are_read_as_rfc_6265_has_them),
	    TEST(a_host_session_is_its_user),
	    TEST(a_signed_cookie_is_what_stands_before_its_signature),
	    TEST(the_query_knows_the_time),
	    TEST(a_busy_host_signs_nobody_out),
	    TEST(a_broken_host_signs_nobody_out),
	    TEST(a_host_file_that_is_replaced_is_opened_anew),
	    TEST(the_host_is_never_written),
	    TEST(a_host_session_is_looked_at_again),
	    TEST(a_host_file_that_did_not_change_is_left_alone),
	    TEST(a_query_with_a_clock_of_its_own_is_asked_each_time),
	    TEST(a_ticket_is_good_once),
	    TEST(a_ticket_may_be_percent_encoded),
	    TEST(a_ticket_ends_with_its_issuer),
	    TEST(a_ticket_may_never_do_more_than_its_issuer),
	    TEST(a_host_sessions_ticket_asks_the_host),
	    TEST(a_remote_users_ticket_needs_remote_user),
	    TEST(old_tickets_go_with_the_next),
	    TEST(a_secret_is_stored_as_its_hash),
	    TEST(nobody_and_everybody_get_none),
	    TEST(scopes_are_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
