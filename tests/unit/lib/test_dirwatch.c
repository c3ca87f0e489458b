/*
 * A real directory and real files.  inotify queues an event before the call
 * that caused it returns, so nothing has to be waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/dirwatch.h"
#include "lib/err.h"

struct place {
	char dir[64];
	char path[128];
	struct dirwatch *watch;
};

/* The path of a file in the watched directory; valid until the next call. */
static const char *at(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), "%s/%s", p->dir, name);
	return p->path;
}

static void write_to(struct place *p, const char *name)
{
	int fd = open(at(p, name), O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct err err;

	strcpy(p->dir, "/tmp/belfry-dirwatch-XXXXXX");
	if (!mkdtemp(p->dir) ||
	    dirwatch_open(&p->watch, at(p, "a.db"), &err) < 0)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {
	    "a.db",  "a.db-wal", "a.db-shm", "a.db-journal", "b.db",
	    "a.dbx", "link.db",	 "a",	     "other/c.db"};
	struct place *p = *state;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(at(p, names[i]));
	rmdir(at(p, "other"));
	rmdir(p->dir);
	dirwatch_close(p->watch);
	free(p);
	return 0;
}

static void nothing_is_pending_at_first(void **state)
{
	struct place *p = *state;
	struct pollfd ready = {dirwatch_fd(p->watch), POLLIN, 0};

	assert_int_equal(poll(&ready, 1, 0), 0);
	assert_int_equal(dirwatch_read(p->watch), 0);
	assert_false(dirwatch_gone(p->watch));
	assert_true(fcntl(dirwatch_fd(p->watch), F_GETFD) & FD_CLOEXEC);
}

static void writes_to_our_files_are_seen(void **state)
{
	static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm",
					    "a.db-journal"};
	struct place *p = *state;
	struct pollfd ready = {dirwatch_fd(p->watch), POLLIN, 0};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		write_to(p, names[i]);
		dirwatch_read(p->watch);
		write_to(p, names[i]);
		assert_int_equal(poll(&ready, 1, 0), 1);
		assert_int_equal(dirwatch_read(p->watch), DIRWATCH_WROTE);
		assert_int_equal(dirwatch_read(p->watch), 0);
	}
}

static void other_names_are_not_ours(void **state)
{
	static const char *const names[] = {"b.db", "a.dbx", "a", "a.db-waL",
					    "a.db-wal2"};
	struct place *p = *state;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		write_to(p, names[i]);
		unlink(at(p, names[i]));
		assert_int_equal(dirwatch_read(p->watch), 0);
	}
}

static void reading_does_not_wake(void **state)
{
	struct place *p = *state;
	char byte;
	int fd;

	write_to(p, "a.db");
	dirwatch_read(p->watch);
	fd = open(at(p, "a.db"), O_RDONLY);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	assert_int_equal(chmod(at(p, "a.db"), 0640), 0);
	assert_int_equal(dirwatch_read(p->watch), 0);
}

static void names_that_come_and_go(void **state)
{
	struct place *p = *state;
	char other[128];

	write_to(p, "a.db-wal");
	assert_int_equal(dirwatch_read(p->watch),
			 DIRWATCH_NAMES | DIRWATCH_WROTE);
	unlink(at(p, "a.db-wal"));
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_NAMES);

	write_to(p, "b.db");
	strcpy(other, at(p, "b.db"));
	assert_int_equal(rename(other, at(p, "a.db")), 0);
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_NAMES);
	assert_int_equal(rename(at(p, "a.db"), other), 0);
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_NAMES);
}

static void a_journal_alone_is_no_change_of_names(void **state)
{
	struct place *p = *state;
	int fd = open(at(p, "a.db-journal"), O_RDONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(dirwatch_read(p->watch), 0);
	unlink(at(p, "a.db-journal"));
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_WROTE);
}

static void an_overflow_is_told(void **state)
{
	struct place *p = *state;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	unsigned flags = 0;
	long queue = 0, i;
	int a, b;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &queue), 1);
	fclose(f);
	if (queue > 200000)
		skip();
	a = open(at(p, "a.db"), O_WRONLY | O_CREAT, 0600);
	b = open(at(p, "b.db"), O_WRONLY | O_CREAT, 0600);
	/* In turns, as the kernel puts equal neighbours together. */
	for (i = 0; i <= queue / 2; i++) {
		assert_int_equal(pwrite(a, "x", 1, 0), 1);
		assert_int_equal(pwrite(b, "x", 1, 0), 1);
	}
	close(a);
	close(b);
	flags = dirwatch_read(p->watch);
	assert_true(flags & DIRWATCH_LOST);
	assert_false(dirwatch_gone(p->watch));
	assert_int_equal(dirwatch_read(p->watch), 0);
	write_to(p, "a.db");
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_WROTE);
}

static void a_directory_that_goes_is_told(void **state)
{
	struct place *p = *state;

	assert_int_equal(rmdir(p->dir), 0);
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_LOST);
	assert_true(dirwatch_gone(p->watch));
	assert_int_equal(dirwatch_read(p->watch), 0);
}

static void a_directory_that_moves_is_told(void **state)
{
	struct place *p = *state;
	char moved[80];

	snprintf(moved, sizeof(moved), "%s-moved", p->dir);
	assert_int_equal(rename(p->dir, moved), 0);
	assert_int_equal(dirwatch_read(p->watch), DIRWATCH_LOST);
	assert_true(dirwatch_gone(p->watch));
	rmdir(moved);
}

static void a_symbolic_link_is_followed(void **state)
{
	struct place *p = *state;
	struct dirwatch *watch;
	char target[128];
	struct err err;

	assert_int_equal(mkdir(at(p, "other"), 0700), 0);
	write_to(p, "other/c.db");
	strcpy(target, at(p, "other/c.db"));
	assert_int_equal(symlink(target, at(p, "link.db")), 0);
	assert_int_equal(dirwatch_open(&watch, at(p, "link.db"), &err), 0);
	write_to(p, "other/c.db");
	assert_int_equal(dirwatch_read(watch), DIRWATCH_WROTE);
	dirwatch_close(watch);
}

static void a_name_without_a_slash_is_here(void **state)
{
	struct place *p = *state;
	char before[PATH_MAX];
	struct dirwatch *watch;
	struct err err;

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(p->dir), 0);
	assert_int_equal(dirwatch_open(&watch, "b.db", &err), 0);
	write_to(p, "b.db");
	assert_int_equal(dirwatch_read(watch), DIRWATCH_NAMES | DIRWATCH_WROTE);
	dirwatch_close(watch);
	assert_int_equal(chdir(before), 0);
}

static void failures_are_told_apart(void **state)
{
	struct place *p = *state;
	struct dirwatch *watch = NULL;
	struct rlimit before, none;
	struct err err;

	assert_int_equal(dirwatch_open(&watch, at(p, "no/such/a.db"), &err),
			 -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "no/such"));
	write_to(p, "b.db");
	assert_int_equal(dirwatch_open(&watch, at(p, "b.db/a.db"), &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dirwatch_open(&watch, at(p, "a.db"), &err), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(err.code, ERR_LIMITED);
	assert_null(watch);
	assert_int_equal(dirwatch_open(&watch, "/no/such/a.db", NULL), -1);
	dirwatch_close(NULL);
}

static void blind_file_systems(void **state)
{
	static const char *const blind[] = {"overlay", "nfs",  "nfs4", "9p",
					    "cifs",    "smb3", "ceph"};
	char line[4096], mount[1024], type[64];
	FILE *f = fopen("/proc/self/mounts", "r");
	size_t i;

	(void)state;
	assert_false(dirwatch_blind("/proc/self/mounts"));
	assert_false(dirwatch_blind("/proc/no-such-file"));
	assert_false(dirwatch_blind("/no/such/directory/a.db"));
	/* Whatever this machine has of them. */
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %1023s %63s", mount, type) != 2)
			continue;
		for (i = 0; i < sizeof(blind) / sizeof(blind[0]); i++) {
			if (strcmp(type, blind[i]) == 0 &&
			    access(mount, R_OK) == 0)
				assert_true(dirwatch_blind(mount));
		}
	}
	if (f)
		fclose(f);
}

int main(void)
{
#define WATCHED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    WATCHED(nothing_is_pending_at_first),
	    WATCHED(writes_to_our_files_are_seen),
	    WATCHED(other_names_are_not_ours),
	    WATCHED(reading_does_not_wake),
	    WATCHED(names_that_come_and_go),
	    WATCHED(a_journal_alone_is_no_change_of_names),
	    WATCHED(an_overflow_is_told),
	    WATCHED(a_directory_that_goes_is_told),
	    WATCHED(a_directory_that_moves_is_told),
	    WATCHED(a_symbolic_link_is_followed),
	    WATCHED(a_name_without_a_slash_is_here),
	    WATCHED(failures_are_told_apart),
	    cmocka_unit_test(blind_file_systems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
