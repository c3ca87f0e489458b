/*
 * tail_child: one command at a time, while the loop goes on turning.
 *
 * Its input is a memfd, which holds the whole at once: a pipe would make us
 * wait for a command that does not read.  Its end comes through a pidfd.
 */
#include "tool/tail.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/mem.h"

static void finish(struct tail_child *child)
{
	int status = 0, pidfd = child->io.fd;

	loop_unwatch(child->loop, &child->io);
	if (pidfd >= 0)
		close(pidfd);
	waitpid(child->pid, &status, 0);
	child->pid = 0;
	if (WIFSIGNALED(status))
		log_warn("exec-failed", "event=%" PRId64 " signal=%d",
			 child->event_id, WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		log_warn("exec-failed", "event=%" PRId64 " status=%d",
			 child->event_id, WEXITSTATUS(status));
	child->ended(child);
}

static void ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	finish(CONTAINER_OF(io, struct tail_child, io));
}

void tail_child_init(struct tail_child *child, struct loop *loop,
		     void (*ended)(struct tail_child *child))
{
	*child = (struct tail_child){.loop = loop, .ended = ended};
	child->io.fd = -1;
	child->io.ready = ready;
}

static int make_input(struct span input, struct err *err)
{
	int fd = memfd_create("event", MFD_CLOEXEC);

	if (fd >= 0 &&
	    pwrite(fd, input.data, input.len, 0) == (ssize_t)input.len)
		return fd;
	err_set_errno(err, "memfd");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The loop has blocked signals and ignores SIGPIPE; a command is to find what
 * it would find in a shell.  It gets a process group of its own, so that what
 * it has started can be told to end with it. */
static int spawn(pid_t *pid, const char *command, int input, struct err *err)
{
	char shell[] = "sh", option[] = "-c";
	char *argv[] = {shell, option, NULL, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, pipe;
	char *text = mem_strdup(command);
	int error;

	argv[2] = text;
	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
						  POSIX_SPAWN_SETSIGDEF |
						  POSIX_SPAWN_SETPGROUP);
	error =
	    posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(text);
	if (!error)
		return 0;
	errno = error;
	return err_set_errno(err, "/bin/sh");
}

int tail_child_start(struct tail_child *child, const char *command,
		     int64_t event_id, struct span input, struct err *err)
{
	int fd = make_input(input, err), pidfd, result;

	if (fd < 0)
		return -1;
	result = spawn(&child->pid, command, fd, err);
	close(fd);
	if (result < 0) {
		child->pid = 0;
		return -1;
	}
	child->event_id = event_id;
	pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (pidfd >= 0 &&
	    loop_watch(child->loop, &child->io, pidfd, EPOLLIN, err) == 0)
		return 0;
	if (pidfd >= 0)
		close(pidfd);
	finish(child); /* an old kernel: wait here */
	return 0;
}

void tail_child_stop(struct tail_child *child)
{
	int pidfd;

	if (!child->pid)
		return;
	kill(-child->pid, SIGTERM);
	pidfd = child->io.fd;
	loop_unwatch(child->loop, &child->io);
	close(pidfd);
	child->pid = 0;
}
