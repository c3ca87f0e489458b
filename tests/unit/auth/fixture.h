/*
 * auth_fixture: a database with a session and a token of alice's, requests as
 * the responder parses them, and a host application's table of sessions.
 */
#ifndef BELFRY_AUTH_FIXTURE_H
#define BELFRY_AUTH_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "config/config.h"
#include "lib/db.h"
#include "lib/err.h"

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

struct auth_fixture {
	char folder[64], path[128], host_path[128];
	struct config config;
	struct db *db;
	struct auth *auth;
	struct identity who;
	struct err err;
	char session[64], token[64]; /* alice's; read, and read,publish */
	int64_t session_id, token_id;
};

/* cmocka's: *state is the fixture. */
int auth_fixture_set_up(void **state);
int auth_fixture_tear_down(void **state);

/* Fail the test when they do. */
struct db *open_database(const char *path);
void execute(struct db *db, const char *sql);
int64_t one_int(struct db *db, const char *sql);

/* The session table of HOST_TABLE: in the notifications' own file or in one of
 * the host application's. */
void host(struct auth_fixture *f, bool own_file);

/* Lines of "NAME=value", in which the secret takes the place of @.  Gives the
 * user, or the name of the error; what is said never holds the secret. */
const char *identify_with(struct auth_fixture *f, const char *lines,
			  const char *secret, bool consume, int line);
#define identify(f, lines, secret)                                             \
	identify_with(f, lines, secret, true, __LINE__)

#define BEARER	   "HTTP_AUTHORIZATION=Bearer @"
#define COOKIE	   "HTTP_COOKIE=belfry_session=@"
#define TICKET	   "QUERY_STRING=ticket=@"
#define is(a, b)   assert_string_equal(a, b)
#define refused(a) assert_string_equal(a, "unauthorized")

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, auth_fixture_set_up,                \
					auth_fixture_tear_down)

#endif
