/*
 * A real shared file; the other processes are real ones, and are killed.
 */
#include <fcntl.h>
#include <poll.h>
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

#include "lib/err.h"
#include "shared/registry.h"

#define STREAMS	 40
#define PER_USER 3

struct place {
	char dir[64], database[80], file[128];
	struct registry *r;
};

static struct registry *make(struct place *p)
{
	const struct registry_options options = {p->database, STREAMS,
						 PER_USER};
	struct registry *r = registry_new(&options);

	registry_join(r);
	return r;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/belfry-registry-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->database, sizeof(p->database), "%s/a.db", p->dir);
	snprintf(p->file, sizeof(p->file), "%s-belfry.d/registry-1",
		 p->database);
	p->r = make(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char path[160];

	registry_free(p->r);
	unlink(p->file);
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "%s-belfry.d/wake-%d", p->database,
			 i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s-belfry.d", p->database);
	rmdir(path);
	rmdir(p->dir);
	free(p);
	return 0;
}

/* A process that takes places for these users (up to a NULL), and then does
 * what it is told with one byte: 'w' waits until it is woken and answers 'w',
 * or 'm' if streams of it were marked; 'c' answers how many of its places are
 * good; anything else: it ends. */
struct other {
	pid_t pid;
	int to, from;
};

static char be_woken(struct registry *r)
{
	struct pollfd fd = {registry_wake_fd(r), POLLIN, 0};

	poll(&fd, 1, -1);
	return registry_take_wake(r) ? 'm' : 'w';
}

static void be_other(struct place *p, const char *const *users, int in, int out)
{
	struct registry_place places[STREAMS];
	struct registry *r = make(p);
	char byte = '0';
	int n = 0;

	for (; users[n]; n++)
		if (!registry_reserve(r, span_of(users[n]), &places[n]))
			_exit(1);
	do {
		if (byte == 'w')
			byte = be_woken(r);
		if (byte == 'c') {
			byte = '0';
			for (int i = 0; i < n; i++)
				byte = (char)(byte +
					      !registry_evicted(r, &places[i]));
		}
		if (write(out, &byte, 1) != 1)
			_exit(1);
	} while (read(in, &byte, 1) == 1 && (byte == 'w' || byte == 'c'));
	for (int i = 0; i < n; i++)
		registry_release(r, &places[i]);
	registry_free(r);
	_exit(0);
}

static char hear(const struct other *o)
{
	char byte = '?';

	if (read(o->from, &byte, 1) != 1)
		fail_msg("the other process ended");
	return byte;
}

static void tell(const struct other *o, char byte)
{
	assert_int_equal(write(o->to, &byte, 1), 1);
}

static struct other start(struct place *p, const char *const *users)
{
	int to[2], from[2];
	struct other o;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	o.pid = fork();
	assert_true(o.pid >= 0);
	if (o.pid == 0) {
		close(to[1]);
		close(from[0]);
		be_other(p, users, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	o.to = to[1];
	o.from = from[0];
	assert_int_equal(hear(&o), '0');
	return o;
}

static void stop(struct other *o, int signo)
{
	int status;

	if (signo)
		kill(o->pid, signo);
	else
		tell(o, 'q');
	waitpid(o->pid, &status, 0);
	assert_int_equal(status, signo);
	close(o->to);
	close(o->from);
}

static struct registry_place reserve(struct place *p, const char *user)
{
	struct registry_place place = {0, 0};

	assert_true(registry_reserve(p->r, span_of(user), &place));
	return place;
}

static const char *const two_alices[] = {"alice", "alice", NULL};
static const char *const bob[] = {"bob", NULL};

static void test_the_limit_is_exact_over_processes(void **state)
{
	struct place *p = *state;
	struct registry_place places[STREAMS], more;
	struct other o = start(p, two_alices);
	int n = 0;

	while (registry_reserve(p->r, SPAN("carol"), &places[n]))
		n++;
	assert_int_equal(n, STREAMS - 2);
	assert_int_equal(registry_streams(p->r), STREAMS);
	stop(&o, 0);
	assert_int_equal(registry_streams(p->r), n);
	assert_true(registry_reserve(p->r, SPAN("carol"), &more));
	registry_release(p->r, &more);
	registry_release(p->r, &more); /* twice is fine */
	for (int i = 0; i < n; i++)
		registry_release(p->r, &places[i]);
	assert_int_equal(registry_streams(p->r), 0);
}

static void test_a_killed_process_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct other o = start(p, two_alices);
	struct registry_survey survey;
	int n = 0;

	stop(&o, SIGKILL);
	registry_survey(p->r, &survey);
	assert_int_equal(survey.streams, 0);
	assert_int_equal(survey.process_count, 1);
	registry_survey_fini(&survey);
	/* Their places are found when all others are taken. */
	for (struct registry_place place;
	     registry_reserve(p->r, SPAN("carol"), &place);)
		n++;
	assert_int_equal(n, STREAMS);
}

static void test_reaping(void **state)
{
	struct place *p = *state;
	struct other dead = start(p, two_alices), alive = start(p, bob);

	stop(&dead, SIGKILL);
	assert_int_equal(registry_streams(p->r), 3);
	registry_reap(p->r);
	assert_int_equal(registry_streams(p->r), 1);
	assert_true(registry_has_others(p->r));
	stop(&alive, 0);
	assert_false(registry_has_others(p->r));
}

static void test_the_oldest_is_marked_wherever_it_is(void **state)
{
	struct place *p = *state;
	struct other o = start(p, two_alices);
	struct registry_place third = reserve(p, "alice"),
			      fourth = reserve(p, "alice");

	registry_evict(p->r, SPAN("bob"));
	registry_evict(p->r, SPAN("alice"));
	tell(&o, 'w');
	assert_int_equal(hear(&o), 'm');
	tell(&o, 'c');
	assert_int_equal(hear(&o), '1'); /* of two */
	registry_evict(p->r, SPAN("alice"));
	assert_false(registry_evicted(p->r, &third));
	reserve(p, "alice");
	reserve(p, "alice");
	registry_evict(p->r, SPAN("alice"));
	tell(&o, 'w');
	assert_int_equal(hear(&o), 'm');
	assert_true(registry_evicted(p->r, &third));
	assert_false(registry_evicted(p->r, &fourth));
	stop(&o, 0);
}

static void test_the_dead_do_not_count_for_the_user(void **state)
{
	struct place *p = *state;
	struct other o = start(p, two_alices);
	struct registry_place first = reserve(p, "alice");

	reserve(p, "alice");
	reserve(p, "alice");
	stop(&o, SIGKILL);
	registry_evict(p->r, SPAN("alice"));
	assert_false(registry_evicted(p->r, &first));
}

static void test_only_those_concerned_are_woken(void **state)
{
	struct place *p = *state;
	struct other a = start(p, two_alices), b = start(p, bob);
	struct registry_crowd crowd = {.anybody = false};
	struct pollfd quiet = {a.from, POLLIN, 0};

	tell(&a, 'w');
	tell(&b, 'w');
	registry_crowd_add(&crowd, SPAN("bob"));
	registry_wake(p->r, &crowd);
	registry_wake(p->r, &crowd); /* one byte for both, if it is slow */
	assert_int_equal(hear(&b), 'w');
	assert_int_equal(poll(&quiet, 1, 0), 0);
	crowd.everybody = true;
	registry_wake(p->r, &crowd);
	assert_int_equal(hear(&a), 'w');
	stop(&a, 0);
	stop(&b, SIGKILL);
	registry_wake(p->r, &crowd); /* nobody is there */
}

static void test_survey(void **state)
{
	struct place *p = *state;
	struct other o = start(p, two_alices);
	struct registry_survey survey;
	char name[300];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	reserve(p, "alice");
	reserve(p, name);
	registry_set_watcher(p->r, true);
	assert_int_equal(registry_survey_database(p->database, &survey, NULL),
			 0);
	assert_int_equal(survey.streams, 4);
	assert_int_equal(survey.user_count, 2);
	assert_string_equal(survey.users[0].name, "alice");
	assert_int_equal(survey.users[0].streams, 3);
	assert_int_equal(strlen(survey.users[1].name), REGISTRY_NAME_BYTES - 1);
	assert_memory_equal(survey.users[1].name + REGISTRY_NAME_BYTES - 4, "…",
			    3);
	assert_int_equal(survey.process_count, 2);
	assert_int_equal(survey.processes[0].pid, getpid());
	assert_true(survey.processes[0].watcher);
	assert_false(survey.processes[1].watcher);
	assert_int_equal(survey.processes[1].streams, 2);
	registry_survey_fini(&survey);
	stop(&o, 0);
	assert_int_equal(
	    registry_survey_database("/nowhere/a.db", &survey, NULL), 0);
	assert_int_equal(survey.streams, 0);
	registry_survey_fini(&survey);
}

/* What streams do each second brings everything back. */
static void heal(struct place *p, struct registry_place *place)
{
	registry_tick(p->r);
	assert_true(registry_keep(p->r, SPAN("alice"), 1, place));
}

static void assert_whole(struct place *p)
{
	struct registry_survey survey;

	assert_int_equal(registry_survey_database(p->database, &survey, NULL),
			 0);
	assert_int_equal(survey.streams, 1);
	assert_int_equal(survey.process_count, 1);
	assert_int_equal(survey.processes[0].pid, getpid());
	registry_survey_fini(&survey);
}

static void test_a_file_that_is_lost(void **state)
{
	struct place *p = *state;
	struct registry_place place = reserve(p, "alice");
	char garbage[4096];
	int fd;

	heal(p, &place);
	assert_whole(p);
	assert_int_equal(truncate(p->file, 0), 0);
	heal(p, &place);
	assert_whole(p);
	assert_int_equal(unlink(p->file), 0);
	heal(p, &place);
	assert_whole(p);
	memset(garbage, 0xa5, sizeof(garbage));
	fd = open(p->file, O_WRONLY);
	for (int i = 0; i < 500; i++)
		assert_int_equal(write(fd, garbage, sizeof(garbage)),
				 (ssize_t)sizeof(garbage));
	heal(p, &place);
	assert_whole(p);
	/* The header is good, all behind it is not. */
	lseek(fd, 64, SEEK_SET);
	for (int i = 0; i < 500; i++)
		assert_int_equal(write(fd, garbage, sizeof(garbage)),
				 (ssize_t)sizeof(garbage));
	close(fd);
	registry_tick(p->r);
	registry_reap(p->r);
	heal(p, &place);
	registry_release(p->r, &place);
	assert_int_equal(place.claim, 0);
}

/* The folder is moved away and back: the file is the one that it was, and what
 * we had left in it must not count for alive. */
static void test_a_file_that_comes_back(void **state)
{
	struct place *p = *state;
	struct registry_survey survey;
	struct registry_place place, more[STREAMS];
	char folder[128], away[160];
	int n = 0;

	snprintf(folder, sizeof(folder), "%s-belfry.d", p->database);
	snprintf(away, sizeof(away), "%s.away", folder);
	assert_true(registry_reserve(p->r, SPAN("alice"), &place));
	assert_int_equal(rename(folder, away), 0);
	/* Nobody can make another one. */
	fclose(fopen(folder, "w"));
	/* Alone now, then together again: both times others are not seen. */
	assert_true(registry_tick(p->r));
	assert_true(registry_keep(p->r, SPAN("alice"), 1, &place));
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(away, folder), 0);
	assert_true(registry_tick(p->r));
	assert_false(registry_tick(p->r));
	assert_true(registry_keep(p->r, SPAN("alice"), 1, &place));
	assert_int_equal(registry_streams(p->r), 1);
	registry_survey(p->r, &survey);
	assert_int_equal(survey.process_count, 1);
	assert_int_equal(survey.streams, 1);
	registry_survey_fini(&survey);
	while (n < STREAMS && registry_reserve(p->r, SPAN("bob"), &more[n]))
		n++;
	assert_int_equal(n, STREAMS - 1);
}

static void test_no_file_at_all(void **state)
{
	struct place *p = *state;
	struct place nowhere = {.database = "/nowhere/a.db"};
	struct registry *r = make(&nowhere);
	struct registry_place places[STREAMS], more;

	(void)p;
	for (int i = 0; i < STREAMS; i++)
		assert_true(registry_reserve(r, SPAN("bob"), &places[i]));
	assert_false(registry_reserve(r, SPAN("bob"), &more));
	registry_evict(r, SPAN("bob"));
	assert_true(registry_evicted(r, &places[0]));
	assert_false(registry_evicted(r, &places[STREAMS - 1]));
	registry_tick(r);
	assert_true(registry_keep(r, SPAN("bob"), 1, &places[0]));
	registry_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_the_limit_is_exact_over_processes),
	    TEST(test_a_killed_process_leaves_nothing),
	    TEST(test_reaping),
	    TEST(test_the_oldest_is_marked_wherever_it_is),
	    TEST(test_the_dead_do_not_count_for_the_user),
	    TEST(test_only_those_concerned_are_woken),
	    TEST(test_survey),
	    TEST(test_a_file_that_is_lost),
	    TEST(test_a_file_that_comes_back),
	    TEST(test_no_file_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
