/*
 * auth: tickets, whoever issued them.
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

static const char *make_ticket(struct auth_fixture *f, char secret[static 64])
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
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;

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
	struct auth_fixture *f = *state;
	char ticket[64];

	is(identify(f, BEARER, f->token), "alice");
	make_ticket(f, ticket);
	execute(f->db, "UPDATE tokens SET scopes = 'publish,admin'");
	is(identify(f, TICKET, ticket), "alice");
	assert_int_equal(f->who.scopes, SCOPE_PUBLISH);
}

static void a_host_sessions_ticket_asks_the_host(void **state)
{
	struct auth_fixture *f = *state;
	struct db_stmt *stmt;
	struct span stored;
	struct db *writer;
	char one[64], two[64];

	host(f, true);
	is(identify(f, COOKIE, "t-alice"), "alice");
	make_ticket(f, one);
	make_ticket(f, two);
	/* Who reads our database is not let into the application. */
	assert_int_equal(db_query_text(f->db, "SELECT host_secret FROM tickets",
				       &stmt, &f->err),
			 0);
	assert_int_equal(db_step(stmt, &f->err), 1);
	stored = db_text(stmt, 0);
	assert_int_equal(stored.len, strlen("t-alice"));
	assert_memory_not_equal(stored.data, "t-alice", stored.len);
	db_reset(stmt);
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
	struct auth_fixture *f = *state;
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
	struct auth_fixture *f = *state;
	char ticket[64];

	is(identify(f, COOKIE, f->session), "alice");
	make_ticket(f, ticket);
	execute(f->db, "UPDATE tickets SET expires_at = 1000");
	make_ticket(f, ticket);
	assert_int_equal(one_int(f->db, "SELECT count(*) FROM tickets"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_ticket_is_good_once),
	    TEST(a_ticket_may_be_percent_encoded),
	    TEST(a_ticket_ends_with_its_issuer),
	    TEST(a_ticket_may_never_do_more_than_its_issuer),
	    TEST(a_host_sessions_ticket_asks_the_host),
	    TEST(a_remote_users_ticket_needs_remote_user),
	    TEST(old_tickets_go_with_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
