/*
 * Signals come through a signalfd, so a handler is a function like any other,
 * in the loop's thread.
 */
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/loop_internal.h"

static void loop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

void loop_block_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	loop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void signal_ready(struct loop_io *io, uint32_t events)
{
	struct loop *loop = CONTAINER_OF(io, struct loop, signal_io);
	struct signalfd_siginfo info;

	(void)events;
	while (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		loop->on_signal(loop->signal_context, (int)info.ssi_signo);
}

int loop_on_signal(struct loop *loop, void (*fn)(void *context, int signo),
		   void *context, struct err *err)
{
	sigset_t set;
	int fd;

	loop_signals(&set);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, "signalfd");
	loop->on_signal = fn;
	loop->signal_context = context;
	loop->signal_io.ready = signal_ready;
	if (loop_watch(loop, &loop->signal_io, fd, EPOLLIN, err) < 0) {
		close(fd);
		return -1;
	}
	return 0;
}
