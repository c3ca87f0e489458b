/*
 * auth: sessions and tokens, by real requests (FastCGI, parsed as the responder
 * does) against a real database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/fixture.h"
#include "lib/clock.h"
#include "lib/crypto.h"

/* ---- sessions and tokens ---- */

static void a_token_is_its_user(void **state)
{
	struct auth_fixture *f = *state;

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
	struct auth_fixture *f = *state;

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
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE tokens SET expires_at = %lld",
		 (long long)clock_wall_ms());
	execute(f->db, sql);
	refused(identify(f, BEARER, f->token));
}

static void scopes_of_a_row_that_are_not_known_grant_nothing(void **state)
{
	struct auth_fixture *f = *state;

	execute(f->db, "UPDATE tokens SET scopes = 'write, publish,,root'");
	is(identify(f, BEARER, f->token), "alice");
	assert_int_equal(f->who.scopes, SCOPE_PUBLISH);
	execute(f->db, "UPDATE tokens SET scopes = ''");
	is(identify(f, BEARER, f->token), "alice");
	assert_int_equal(f->who.scopes, 0);
}

static void the_first_that_is_there_decides(void **state)
{
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;

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
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;

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

/* ---- making them ---- */

static void a_secret_is_stored_as_its_hash(void **state)
{
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;
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
	    TEST(a_secret_is_stored_as_its_hash),
	    TEST(nobody_and_everybody_get_none),
	    TEST(scopes_are_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
