/*
 * retention: the steps of a pass over a real database.  What it removes, and
 * when, is in tests/integration/retention.test.mjs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/fixture.h"
#include "inbox/retention.h"

/* As much expires as goes: the journal must not grow meanwhile. */
static void what_expires_does_not_keep_events(void **state)
{
	struct auth_fixture *f = *state;
	struct retention_step step = {.now_ms = 2000, .through = 1 << 20};
	struct retention *r;
	int64_t before;

	f->config.retain.rows = 100;
	f->config.retain.age_ms = 1 << 20;
	execute(f->db,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
		" WHERE i < 2000) INSERT INTO notifications(user_id, title,"
		" expires_at) SELECT 'alice', 'x', 1000 FROM n");
	before = one_int(f->db, "SELECT count(*) FROM events");
	r = retention_new(&f->config);
	for (int i = 1; i <= 3; i++) {
		step.removed[RETENTION_EXPIRED] = 0;
		step.removed[RETENTION_EVENTS] = 0;
		assert_int_equal(retention_step(r, f->db, &step, &f->err), 1);
		assert_true(retention_is_expiring(r));
		assert_int_equal(step.removed[RETENTION_EXPIRED],
				 RETENTION_BATCH);
		assert_int_equal(step.removed[RETENTION_EVENTS],
				 RETENTION_BATCH);
		assert_true(one_int(f->db, "SELECT count(*) FROM events") <=
			    before);
	}
	retention_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_expires_does_not_keep_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
