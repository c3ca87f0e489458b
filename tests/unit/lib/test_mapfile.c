/*
 * Real files; the other processes are real ones, and some of them are killed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/dirwatch.h"
#include "lib/err.h"
#include "lib/mapfile.h"

static const struct mapfile_form form = {"test-1", 10000};

struct place {
	char dir[64], database[80], path[128];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/belfry-mapfile-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->database, sizeof(p->database), "%s/a.db", p->dir);
	snprintf(p->path, sizeof(p->path), "%s-belfry.d/test-1", p->database);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char folder[128];

	unlink(p->path);
	snprintf(folder, sizeof(folder), "%s-belfry.d", p->database);
	rmdir(folder);
	rmdir(p->dir);
	free(p);
	return 0;
}

static struct mapfile *must_open(struct place *p)
{
	struct mapfile *m = NULL;
	struct err err = {ERR_OK, ""};

	if (mapfile_open(&m, p->database, &form, MAPFILE_SHARE, &err) < 0)
		fail_msg("%s", err.message);
	return m;
}

static void write_file(struct place *p, const char *bytes, size_t n)
{
	int fd;

	mapfile_make_folder(p->database, NULL);
	fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void test_shared_and_zero_at_first(void **state)
{
	struct mapfile *a = must_open(*state), *b = must_open(*state);
	char *x = mapfile_data(a), *y = mapfile_data(b);

	for (size_t i = 0; i < form.size; i++)
		assert_int_equal(x[i], 0);
	x[form.size - 1] = 'x';
	assert_int_equal(y[form.size - 1], 'x');
	assert_false(mapfile_lost(a));
	mapfile_close(a);
	mapfile_close(b);
	a = must_open(*state);
	x = mapfile_data(a);
	assert_int_equal(x[form.size - 1], 'x');
	mapfile_close(a);
}

static void test_rights(void **state)
{
	struct place *p = *state;
	mode_t mask = umask(0077);
	struct stat st;

	mapfile_close(must_open(p));
	umask(mask);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void test_looking_makes_nothing(void **state)
{
	struct place *p = *state;
	struct mapfile *m;
	struct err err;
	char *data;

	assert_int_equal(
	    mapfile_open(&m, p->database, &form, MAPFILE_LOOK, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(access(p->path, F_OK), -1);
	mapfile_close(must_open(p));
	assert_int_equal(
	    mapfile_open(&m, p->database, &form, MAPFILE_LOOK, &err), 0);
	data = mapfile_data(m);
	assert_int_equal(data[0], 0);
	mapfile_close(m);
}

/* Shorter, garbage, and another size under the same name. */
static void test_anything_else_is_made_anew(void **state)
{
	static const struct mapfile_form other = {"test-1", 300};
	char garbage[12000];
	struct place *p = *state;
	struct mapfile *m;
	char *data;

	memset(garbage, 'g', sizeof(garbage));
	for (size_t n = 0; n <= sizeof(garbage); n += 4000) {
		write_file(p, garbage, n);
		m = must_open(p);
		data = mapfile_data(m);
		assert_int_equal(data[0], 0);
		assert_int_equal(data[form.size - 1], 0);
		data[1] = 'x';
		mapfile_close(m);
	}
	assert_int_equal(
	    mapfile_open(&m, p->database, &other, MAPFILE_SHARE, NULL), 0);
	data = mapfile_data(m);
	assert_int_equal(data[1], 0);
	mapfile_close(m);
}

static void test_what_is_no_file_is_refused(void **state)
{
	struct place *p = *state;
	struct mapfile *m;
	struct err err;

	mapfile_make_folder(p->database, NULL);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_int_equal(
	    mapfile_open(&m, p->database, &form, MAPFILE_SHARE, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	unlink(p->path);
	assert_int_equal(symlink("/etc/passwd", p->path), 0);
	assert_int_equal(
	    mapfile_open(&m, p->database, &form, MAPFILE_SHARE, &err), -1);
}

static void test_cut_short_while_mapped(void **state)
{
	struct place *p = *state;
	struct mapfile *m = must_open(p);
	char *data = mapfile_data(m);

	data[9000] = 'x';
	assert_int_equal(truncate(p->path, 0), 0);
	assert_int_equal(data[9000], 0); /* and not a SIGBUS */
	data[9000] = 'y';
	assert_true(mapfile_lost(m));
	mapfile_close(m);
	m = must_open(p);
	data = mapfile_data(m);
	assert_int_equal(data[9000], 0);
	assert_false(mapfile_lost(m));
	mapfile_close(m);
}

static void test_replaced_or_removed_is_lost(void **state)
{
	struct place *p = *state;
	struct mapfile *m = must_open(p), *n;

	unlink(p->path);
	assert_true(mapfile_lost(m));
	n = must_open(p);
	assert_true(mapfile_lost(m));
	assert_false(mapfile_lost(n));
	mapfile_close(m);
	mapfile_close(n);
}

static void test_overwritten_is_lost(void **state)
{
	struct place *p = *state;
	struct mapfile *m = must_open(p);
	int fd = open(p->path, O_WRONLY);

	assert_int_equal(write(fd, "garbage!", 8), 8);
	close(fd);
	assert_true(mapfile_lost(m));
	mapfile_close(m);
}

/* Whatever of it the killed ones had done. */
static void test_many_make_it_at_once(void **state)
{
	struct place *p = *state;
	pid_t pid[20];

	for (int i = 0; i < 20; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			struct mapfile *m = NULL;
			_Atomic unsigned *data;

			if (mapfile_open(&m, p->database, &form, MAPFILE_SHARE,
					 NULL) < 0)
				_exit(1);
			data = mapfile_data(m);
			atomic_fetch_add(data, 1);
			_exit(0);
		}
	}
	for (int i = 0; i < 20; i++) {
		int status;

		waitpid(pid[i], &status, 0);
		assert_int_equal(status, 0);
	}
	struct mapfile *m = must_open(p);
	_Atomic unsigned *data = mapfile_data(m);

	assert_int_equal(atomic_load(data), 20);
	mapfile_close(m);
}

static void test_kill_frees_a_lock(void **state)
{
	struct place *p = *state;
	struct mapfile *m = must_open(p);
	int ready[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct mapfile *mine = must_open(p);

		if (!mapfile_lock(mine, 5) || !mapfile_lock(mine, 5) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(mapfile_locked(m, 5));
	assert_false(mapfile_lock(m, 5));
	assert_true(mapfile_lock(m, 6));
	assert_false(mapfile_locked(m, 6)); /* by others */
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_false(mapfile_locked(m, 5));
	assert_true(mapfile_lock(m, 5));
	mapfile_unlock(m, 5);
	mapfile_close(m);
	close(ready[0]);
	close(ready[1]);
}

static void test_watchers_of_the_database_see_nothing(void **state)
{
	struct place *p = *state;
	struct dirwatch *watch;
	struct mapfile *m;
	char *data;

	mapfile_make_folder(p->database, NULL);
	assert_int_equal(dirwatch_open(&watch, p->database, NULL), 0);
	m = must_open(p);
	data = mapfile_data(m);
	data[0] = 'x';
	mapfile_close(m);
	assert_int_equal(dirwatch_read(watch), 0);
	dirwatch_close(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_shared_and_zero_at_first),
	    TEST(test_rights),
	    TEST(test_looking_makes_nothing),
	    TEST(test_anything_else_is_made_anew),
	    TEST(test_what_is_no_file_is_refused),
	    TEST(test_cut_short_while_mapped),
	    TEST(test_replaced_or_removed_is_lost),
	    TEST(test_overwritten_is_lost),
	    TEST(test_many_make_it_at_once),
	    TEST(test_kill_frees_a_lock),
	    TEST(test_watchers_of_the_database_see_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
