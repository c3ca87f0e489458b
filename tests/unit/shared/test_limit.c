/*
 * Buckets in a real shared file: two struct limits on one database are two
 * processes.
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
#include <fcntl.h>
#include <sys/stat.h>

#include "config/config.h"
#include "lib/boot.h"
#include "lib/clock.h"
#include "shared/limit.h"

#define S_PER_HOUR 3600
#define NS_PER_S   INT64_C(1000000000)

struct place {
	char dir[64], database[80], file[128];
	struct config config;
	struct limits *a, *b;
};

static struct limits *open_limits(struct place *p)
{
	struct limits *l = limit_new(&p->config);

	limit_tick(l);
	return l;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/belfry-limit-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->database, sizeof(p->database), "%s/a.db", p->dir);
	snprintf(p->file, sizeof(p->file), "%s-belfry.d/limits-2", p->database);
	p->config.database = p->database;
	p->config.rate_limit = true;
	p->config.rate_limit_address = 3;
	/* The slowest that there are. */
	p->config.rate_connect = (struct rate){1, 2};
	p->config.rate_read = (struct rate){1, 5};
	p->config.rate_write = (struct rate){1, 4};
	p->config.rate_publish = (struct rate){1, 3};
	p->a = open_limits(p);
	p->b = open_limits(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[128];

	limit_free(p->a);
	limit_free(p->b);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static struct limit_key key_of(enum limit_rate rate, enum limit_who who,
			       const char *name)
{
	return (struct limit_key){rate, who, span_of(name)};
}

/* That many are there, and what is filled up meanwhile: one a second. */
static void has(struct limits *l, struct limit_key key, int burst)
{
	int64_t from = clock_mono_ns();
	int n = 0;

	while (n < 1000 && limit_take(l, &key) == 0)
		n++;
	assert_in_range(n, burst,
			burst + (clock_mono_ns() - from) / NS_PER_S + 1);
}

/* Until long after the test. */
static void in_debt(struct limits *l, struct limit_key key)
{
	limit_charge(l, &key, 1000);
	assert_true(limit_take(l, &key) > 900 * 1000);
}

static void one_bucket_for_all_processes(void **state)
{
	struct place *p = *state;
	struct limit_key key = key_of(LIMIT_READ, LIMIT_USER, "alice");

	has(p->a, key, 5);
	in_debt(p->a, key);
	assert_int_not_equal(limit_take(p->b, &key), 0);
	assert_int_not_equal(limit_look(p->b, &key), 0);
	/* It outlives them. */
	limit_free(p->a);
	limit_free(p->b);
	p->a = open_limits(p);
	p->b = NULL;
	assert_int_not_equal(limit_take(p->a, &key), 0);
}

static void whose_and_what_for_are_apart(void **state)
{
	struct place *p = *state;

	in_debt(p->a, key_of(LIMIT_READ, LIMIT_USER, "1"));
	has(p->a, key_of(LIMIT_READ, LIMIT_TOKEN, "1"), 5);
	has(p->a, key_of(LIMIT_READ, LIMIT_USER, "2"), 5);
	has(p->a, key_of(LIMIT_WRITE, LIMIT_USER, "1"), 4);
	in_debt(p->a, key_of(LIMIT_READ, LIMIT_TOKEN, "1"));
	assert_int_equal(
	    limit_take(p->a, &(struct limit_key){LIMIT_READ, LIMIT_ADDRESS,
						 SPAN("1")}),
	    0);
}

/* A hundred requests that pass at once, and turn out to be a thousand each. */
static void no_debt_is_so_high_that_it_is_forgiven(void **state)
{
	struct place *p = *state;
	struct limit_key key = key_of(LIMIT_PUBLISH, LIMIT_TOKEN, "app");

	assert_int_equal(limit_take(p->a, &key), 0);
	for (int i = 0; i < 100; i++)
		limit_charge(i % 2 ? p->a : p->b, &key, 999);
	assert_in_range(limit_take(p->a, &key), (S_PER_HOUR - 60) * 1000,
			(S_PER_HOUR + 2) * 1000);
}

/* A burst that takes longer than that to fill. */
static void a_large_burst_is_a_limit_too(void **state)
{
	struct place *p = *state;
	struct limit_key key = key_of(LIMIT_WRITE, LIMIT_USER, "alice");

	p->config.rate_write = (struct rate){1, 10000};
	limit_charge(p->a, &key, 9999);
	has(p->a, key, 1);
}

/* After a reboot the monotonic clock is below what the file says. */
static void another_boots_debts_are_none(void **state)
{
	struct place *p = *state;
	struct limit_key key = key_of(LIMIT_READ, LIMIT_USER, "alice");
	char boot[BOOT_ID_BYTES], *bytes, *at;
	struct stat st;
	int fd;

	in_debt(p->a, key);
	boot_id(boot);
	fd = open(p->file, O_RDWR);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	bytes = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	at = memmem(bytes, (size_t)st.st_size, boot, strlen(boot));
	assert_non_null(at);
	assert_int_equal(pwrite(fd, "another", 8, at - bytes), 8);
	free(bytes);
	close(fd);
	/* As long as nobody opens it anew it is as it was. */
	assert_int_not_equal(limit_take(p->a, &key), 0);
	limit_free(p->b);
	p->b = open_limits(p);
	has(p->b, key, 5);
	/* And what is written now is of this boot. */
	in_debt(p->b, key);
	limit_free(p->a);
	p->a = open_limits(p);
	assert_int_not_equal(limit_take(p->a, &key), 0);
}

/* More keys than there are places: who is in debt stays so, and new ones are
 * never refused. */
static void a_flood_of_keys_refuses_nobody(void **state)
{
	struct place *p = *state;
	struct limit_key guess =
	    key_of(LIMIT_PUBLISH, LIMIT_TOKEN, "in debt for an hour");
	char name[32];

	limit_charge(p->a, &guess, 3000);
	limit_remember(p->a, SPAN("good lately"));
	for (int i = 0; i < 100000; i++) {
		struct limit_key key;

		snprintf(name, sizeof(name), "u%d", i);
		key = key_of(LIMIT_READ, LIMIT_USER, name);
		assert_int_equal(limit_take(p->a, &key), 0);
	}
	assert_int_not_equal(limit_look(p->b, &guess), 0);
	assert_true(limit_remembers(p->b, SPAN("good lately")));
	has(p->b, key_of(LIMIT_READ, LIMIT_USER, "new"), 5);
}

static void a_file_that_is_cut_short_is_made_anew(void **state)
{
	struct place *p = *state;
	struct limit_key key = key_of(LIMIT_READ, LIMIT_USER, "alice");

	/* cmocka has taken SIGBUS for itself since the setup. */
	limit_free(p->a);
	p->a = open_limits(p);
	in_debt(p->a, key);
	assert_int_equal(truncate(p->file, 100), 0);
	/* Memory of zeros takes its place; then there is a file again. */
	has(p->a, key, 5);
	limit_tick(p->a);
	limit_tick(p->b);
	has(p->a, key, 5);
	in_debt(p->a, key);
	assert_int_not_equal(limit_take(p->b, &key), 0);
}

static void an_ip6_network_is_one_address(void **state)
{
	static const char *const same[][2] = {
	    {"2001:db8::7", "2001:db8::"},
	    {"2001:db8:0:0:ffff:1:2:3", "2001:db8::"},
	    {"2001:db8:0:1::1", "2001:db8:0:1::"},
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"192.0.2.1", "192.0.2.1"},
	    {"unix:", "unix:"},
	};
	char out[LIMIT_ADDRESS_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct span got = limit_address(out, same[i][0]);

		assert_true(span_equal_text(got, same[i][1]));
	}
	assert_null(limit_address(out, NULL).data);
	assert_true(limit_is_local("127.0.0.1"));
	assert_true(limit_is_local("127.9.9.9"));
	assert_true(limit_is_local("::1"));
	assert_true(limit_is_local("::ffff:127.0.0.1"));
	assert_false(limit_is_local("::ffff:192.0.2.1"));
	assert_false(limit_is_local("::"));
	assert_false(limit_is_local("10.127.0.0"));
	assert_false(limit_is_local(""));
}

static bool is_limited(struct limits *l, struct limit_key key)
{
	limit_charge(l, &key, 1000);
	return limit_take(l, &key) != 0;
}

static void off_limits_nobody(void **state)
{
	struct place *p = *state;
	const struct limit_key user = key_of(LIMIT_READ, LIMIT_USER, "x"),
			       address = key_of(LIMIT_READ, LIMIT_ADDRESS, "x");
	struct limits *off;

	assert_false(is_limited(NULL, user));
	p->config.rate_limit = false;
	off = open_limits(p);
	assert_false(is_limited(off, user));
	limit_free(off);
	assert_true(is_limited(p->a, address));
	p->config.rate_limit_address = 0;
	assert_false(is_limited(p->a, address));
	assert_true(is_limited(p->a, user));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(one_bucket_for_all_processes),
	    TEST(whose_and_what_for_are_apart),
	    TEST(no_debt_is_so_high_that_it_is_forgiven),
	    TEST(a_large_burst_is_a_limit_too),
	    TEST(another_boots_debts_are_none),
	    TEST(a_flood_of_keys_refuses_nobody),
	    TEST(a_file_that_is_cut_short_is_made_anew),
	    TEST(an_ip6_network_is_one_address),
	    TEST(off_limits_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
