/*
 * Counters in a real shared file, and what of it dies with a process.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "shared/metrics.h"

struct place {
	char dir[64], database[80], folder[128], away[160];
	struct metrics *m;
};

static struct metrics *open_metrics(struct place *p)
{
	struct metrics *m = metrics_new(p->database);

	metrics_tick(m);
	return m;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/belfry-metrics-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->database, sizeof(p->database), "%s/a.db", p->dir);
	snprintf(p->folder, sizeof(p->folder), "%s-belfry.d", p->database);
	snprintf(p->away, sizeof(p->away), "%s.away", p->folder);
	p->m = open_metrics(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[128];

	metrics_free(p->m);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static struct metrics_sample look(struct place *p)
{
	struct metrics_sample sample;

	metrics_look(p->database, &sample);
	return sample;
}

static void counters_are_of_all_and_outlive_them(void **state)
{
	struct place *p = *state;
	struct metrics *other = open_metrics(p);

	metrics_add(p->m, METRIC_EVENT, 3);
	metrics_add(other, METRIC_EVENT, 4);
	metrics_free(other);
	assert_int_equal(look(p).counters[METRIC_EVENT], 7);
	metrics_free(p->m);
	p->m = NULL;
	assert_int_equal(look(p).counters[METRIC_EVENT], 7);
}

static void the_lagging_die_with_their_process(void **state)
{
	struct place *p = *state;
	int ready[2];
	char byte;
	pid_t pid;

	metrics_lagging(p->m, 2);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		metrics_lagging(open_metrics(p), 5);
		_exit(write(ready[1], "x", 1) == 1 && pause() ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(look(p).lagging, 7);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(look(p).lagging, 2);
	metrics_lagging(p->m, -2);
	assert_int_equal(look(p).lagging, 0);
}

static void the_lagging_count_once_where_the_file_comes_back(void **state)
{
	struct place *p = *state;
	char command[512];

	metrics_lagging(p->m, 2);
	assert_int_equal(rename(p->folder, p->away), 0);
	metrics_tick(p->m); /* makes another one */
	assert_int_equal(look(p).lagging, 2);
	snprintf(command, sizeof(command), "rm -r %s && mv %s %s", p->folder,
		 p->away, p->folder);
	assert_int_equal(system(command), 0);
	metrics_tick(p->m);
	assert_int_equal(look(p).lagging, 2);
}

static void nobody_has_counted_yet(void **state)
{
	struct metrics_sample sample;

	(void)state;
	memset(&sample, 1, sizeof(sample));
	metrics_look("/nowhere/a.db", &sample);
	assert_int_equal(sample.counters[METRIC_EVENT], 0);
	assert_int_equal(sample.lagging, 0);
}

static void lag_is_told_by_the_steps_of_the_histogram(void **state)
{
	struct place *p = *state;
	struct metrics_sample before, after;

	metrics_lag(p->m, 9999);
	before = look(p);
	assert_int_equal(metrics_lag_between(&before, &before, 0.5), -1);
	for (int i = 0; i < 98; i++)
		metrics_lag(p->m, 3);
	metrics_lag(p->m, 700);
	metrics_lag(p->m, 3600000);
	after = look(p);
	assert_int_equal(metrics_lag_between(&before, &after, 0.5), 5);
	assert_int_equal(metrics_lag_between(&before, &after, 0.99), 1000);
	assert_true(metrics_lag_between(&before, &after, 1) == INT64_MAX);
	metrics_lag(p->m, -5); /* the clock was set back */
	before = after;
	after = look(p);
	assert_int_equal(metrics_lag_between(&before, &after, 1), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(counters_are_of_all_and_outlive_them),
	    TEST(the_lagging_die_with_their_process),
	    TEST(the_lagging_count_once_where_the_file_comes_back),
	    TEST(nobody_has_counted_yet),
	    TEST(lag_is_told_by_the_steps_of_the_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
