/*
 * What the sandbox refuses and what it leaves, tried in a process of its own,
 * with a database's folder as the responder has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "server/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct fixture {
	char folder[64], data[96], database[128], outside[128];
	struct config config;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct db_options options = {.create = true, .busy_timeout_ms = 1000};
	struct db *db;
	struct err err;
	FILE *file;

	snprintf(f->folder, sizeof(f->folder), "/tmp/belfry-sandbox.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->data, sizeof(f->data), "%s/a", f->folder);
	mkdir(f->data, 0700);
	snprintf(f->data, sizeof(f->data), "%s/a/data", f->folder);
	mkdir(f->data, 0700);
	snprintf(f->database, sizeof(f->database), "%s/belfry.db", f->data);
	snprintf(f->outside, sizeof(f->outside), "%s/outside", f->folder);
	file = fopen(f->outside, "w");
	fputs("secret", file);
	fclose(file);
	options.path = f->database;
	if (db_open(&db, &options, &err) < 0 || db_migrate(db, &err) < 0)
		fail_msg("%s", err.message);
	db_close(db);
	f->config.database = f->database;
	f->config.sandbox = true;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Exit status of try() in a process that is in the sandbox. */
static int inside(struct fixture *f, int (*try)(struct fixture *f))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sandbox_enter(&f->config, -1);
		_exit(try(f));
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

#define REFUSED(call, code) ((call) < 0 && errno == (code))

static int try_processes(struct fixture *f)
{
	char program[] = "/bin/true";
	char *const argv[] = {program, NULL};

	(void)f;
	if (!REFUSED(fork(), EPERM))
		return 1;
	if (!REFUSED(vfork(), EPERM))
		return 2;
	if (!REFUSED(execv(argv[0], argv), EPERM))
		return 3;
	if (!REFUSED(syscall(SYS_ptrace, 16, getppid(), 0, 0), EPERM))
		return 4;
	if (!REFUSED(syscall(SYS_setuid, 1), EPERM))
		return 5;
	return 0;
}

static int try_network(struct fixture *f)
{
	int fd;

	(void)f;
	if (!REFUSED(socket(AF_INET, SOCK_STREAM, 0), EPERM))
		return 1;
	if (!REFUSED(socket(AF_INET6, SOCK_DGRAM, 0), EPERM))
		return 2;
	if (!REFUSED(socket(AF_NETLINK, SOCK_RAW, 0), EPERM))
		return 3;
	/* The web server's other programs, the machine's daemons. */
	if (!REFUSED(socket(AF_UNIX, SOCK_STREAM, 0), EPERM))
		return 4;
	if (!REFUSED(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), EPERM))
		return 5;
	/* The log. */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? 6 : 0;
}

static int try_files(struct fixture *f)
{
	char path[160];

	if (!REFUSED(open(f->outside, O_RDONLY), EACCES))
		return 1;
	if (!REFUSED(open(f->outside, O_WRONLY), EACCES))
		return 2;
	if (!REFUSED(unlink(f->outside), EACCES))
		return 3;
	snprintf(path, sizeof(path), "%s/new", f->folder);
	if (!REFUSED(open(path, O_WRONLY | O_CREAT, 0600), EACCES))
		return 4;
	if (!REFUSED(open("/etc/passwd", O_RDONLY), EACCES))
		return 5;
	/* By which processes wake each other; and no devices. */
	snprintf(path, sizeof(path), "%s/wake", f->data);
	if (mkfifo(path, 0600) < 0)
		return 6;
	snprintf(path, sizeof(path), "%s/null", f->data);
	if (!REFUSED(mknod(path, S_IFCHR | 0600, 0x103), EPERM))
		return 7;
	return 0;
}

static void *nothing(void *argument)
{
	return argument;
}

static int write_row(struct fixture *f)
{
	struct db_options options = {.path = f->database,
				     .busy_timeout_ms = 1000};
	struct db *db;
	int rc;

	if (db_open(&db, &options, NULL) < 0)
		return -1;
	rc = db_exec(db,
		     "INSERT INTO notifications(user_id, title) "
		     "VALUES ('alice', 'x')",
		     NULL);
	db_close(db);
	return rc;
}

static int try_work(struct fixture *f)
{
	char moved[160], back[160];
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0)
		return 1;
	if (write_row(f) < 0)
		return 2;
	/* Its folder is moved away, and another one put there. */
	snprintf(moved, sizeof(moved), "%s.old", f->data);
	if (rename(f->data, moved) < 0 || mkdir(f->data, 0700) < 0)
		return 3;
	snprintf(moved, sizeof(moved), "%s.old/belfry.db", f->data);
	if (rename(moved, f->database) < 0)
		return 4;
	snprintf(moved, sizeof(moved), "%s.old/belfry.db-wal", f->data);
	snprintf(back, sizeof(back), "%s-wal", f->database);
	if (rename(moved, back) < 0 || write_row(f) < 0)
		return 4;
	return open("/dev/urandom", O_RDONLY) < 0 ? 5 : 0;
}

static void no_programs_no_processes(void **state)
{
	assert_int_equal(inside(*state, try_processes), 0);
}

static void no_network(void **state)
{
	assert_int_equal(inside(*state, try_network), 0);
}

static void no_files_but_its_own(void **state)
{
	if (!has_landlock()) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(inside(*state, try_files), 0);
}

static void its_work_goes_on(void **state)
{
	assert_int_equal(inside(*state, try_work), 0);
}

static int try_off(struct fixture *f)
{
	int fd = open(f->outside, O_RDONLY);

	return fd < 0 || socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static void it_can_be_switched_off(void **state)
{
	struct fixture *f = *state;

	f->config.sandbox = false;
	assert_int_equal(inside(f, try_off), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest always[] = {
	    TEST(its_work_goes_on),
	    TEST(it_can_be_switched_off),
	};
	/* A sanitizer makes processes and reads files by itself: there is no
	 * sandbox with one. */
	const struct CMUnitTest inside_it[] = {
	    TEST(no_programs_no_processes),
	    TEST(no_network),
	    TEST(no_files_but_its_own),
	};
	int failed = cmocka_run_group_tests(always, NULL, NULL);

	if (!SANITIZED)
		failed += cmocka_run_group_tests(inside_it, NULL, NULL);
	return failed;
}
