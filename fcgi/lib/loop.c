/*
 * epoll, one timerfd, one eventfd (and one signalfd: loop_signal.c).
 *
 * There are few timers: the heartbeats of streams are a queue of the hub's.  So
 * timers are a list sorted by due time behind one timerfd, which is set only
 * when the first timer changes.  A timerfd has microseconds of precision on
 * every kernel; epoll_wait itself has milliseconds.
 *
 * While events of one wait are delivered, loop_unwatch strikes the object out
 * of the events that are still to come.  So no callback meets a dead object.
 */
#include "lib/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/loop_internal.h"
#include "lib/mem.h"

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- descriptors ---- */

int loop_watch(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
	       struct err *err)
{
	struct epoll_event e = {.events = events, .data.ptr = io};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		return err_set_errno(err, "epoll_ctl");
	io->fd = fd;
	io->events = events;
	return 0;
}

void loop_change(struct loop *loop, struct loop_io *io, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = io};

	if (io->fd < 0 || io->events == events)
		return;
	io->events = events;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &e);
}

void loop_unwatch(struct loop *loop, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->fd = -1;
	for (int i = loop->current + 1; i < loop->count; i++)
		if (loop->events[i].data.ptr == io)
			loop->events[i].data.ptr = NULL;
}

/* ---- timers ---- */

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **at = &loop->timers;

	if (!timer->due_ns)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->due_ns = 0;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns)
{
	struct loop_timer **at = &loop->timers;

	loop_timer_stop(loop, timer);
	if (loop->firing && due_ns <= loop->now_ns)
		due_ns = loop->now_ns + 1;
	while (*at && (*at)->due_ns <= due_ns)
		at = &(*at)->next;
	timer->due_ns = due_ns > 0 ? due_ns : 1;
	timer->next = *at;
	*at = timer;
}

static void arm(struct loop *loop)
{
	int64_t due = loop->timers ? loop->timers->due_ns : 0;
	struct itimerspec when = {{0, 0}, {0, 0}};

	if (due == loop->armed_ns)
		return;
	when.it_value.tv_sec = due / 1000000000;
	when.it_value.tv_nsec = due % 1000000000;
	timerfd_settime(loop->timer_io.fd, TFD_TIMER_ABSTIME, &when, NULL);
	loop->armed_ns = due;
}

/* Those that were due when the turn began; one that sets itself again waits
 * for the next turn, so that a turn ends. */
static void fire_timers(struct loop *loop)
{
	loop->firing = true;
	while (loop->timers && loop->timers->due_ns <= loop->now_ns) {
		struct loop_timer *t = loop->timers;

		loop->timers = t->next;
		t->due_ns = 0;
		t->fire(t);
	}
	loop->firing = false;
}

static void timer_ready(struct loop_io *io, uint32_t events)
{
	struct loop *loop = CONTAINER_OF(io, struct loop, timer_io);
	uint64_t count;

	(void)events;
	/* EAGAIN is fine: it was set anew in the meantime. */
	if (read(io->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		loop->armed_ns = -1;
}

/* ---- mail ---- */

void loop_post(struct loop *loop, struct loop_mail *mail)
{
	const uint64_t one = 1;
	bool first;

	mail->next = NULL;
	pthread_mutex_lock(&loop->mail_lock);
	first = !loop->mail;
	*loop->mail_end = mail;
	loop->mail_end = &mail->next;
	pthread_mutex_unlock(&loop->mail_lock);
	/* An eventfd refuses only when its counter is full: then the loop has
	 * been told already. */
	if (first && write(loop->mail_io.fd, &one, sizeof(one)) < 0)
		return;
}

void loop_deliver_mail(struct loop *loop)
{
	struct loop_mail *mail;

	pthread_mutex_lock(&loop->mail_lock);
	mail = loop->mail;
	loop->mail = NULL;
	loop->mail_end = &loop->mail;
	pthread_mutex_unlock(&loop->mail_lock);
	while (mail) {
		struct loop_mail *next = mail->next;

		mail->deliver(mail);
		mail = next;
	}
}

static void mail_ready(struct loop_io *io, uint32_t events)
{
	uint64_t count;

	(void)events;
	/* Reset first: what is posted from here on rings again. */
	if (read(io->fd, &count, sizeof(count)) > 0)
		loop_deliver_mail(CONTAINER_OF(io, struct loop, mail_io));
}

/* ---- the turn ---- */

void loop_add_hook(struct loop *loop, struct loop_hook *hook)
{
	struct loop_hook **at = &loop->hooks;

	while (*at)
		at = &(*at)->next;
	hook->next = NULL;
	*at = hook;
}

void loop_remove_hook(struct loop *loop, struct loop_hook *hook)
{
	struct loop_hook **at = &loop->hooks;

	while (*at && *at != hook)
		at = &(*at)->next;
	if (*at)
		*at = hook->next;
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
	deferred->next = loop->deferred;
	loop->deferred = deferred;
}

void loop_run_deferred(struct loop *loop)
{
	struct loop_deferred *d;

	while ((d = loop->deferred)) {
		loop->deferred = d->next;
		d->run(d);
	}
}

void loop_again(struct loop *loop)
{
	loop->again = true;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

int64_t loop_now_ns(const struct loop *loop)
{
	return loop->now_ns;
}

static int turn(struct loop *loop, struct err *err)
{
	int timeout = loop->again ? 0 : -1;

	loop->again = false;
	arm(loop);
	loop->count =
	    epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS, timeout);
	if (loop->count < 0 && errno != EINTR)
		return err_set_errno(err, "epoll_wait");
	loop->now_ns = clock_mono_ns();
	for (loop->current = 0; loop->current < loop->count; loop->current++) {
		struct epoll_event *e = &loop->events[loop->current];
		struct loop_io *io = e->data.ptr;

		if (io)
			io->ready(io, e->events);
	}
	loop->count = 0;
	fire_timers(loop);
	for (struct loop_hook *h = loop->hooks; h; h = h->next)
		h->run(h);
	loop_run_deferred(loop);
	return 0;
}

int loop_run(struct loop *loop, struct err *err)
{
	while (!loop->stopped)
		if (turn(loop, err) < 0)
			return -1;
	return 0;
}

int loop_open(struct loop **out, struct err *err)
{
	struct loop *loop = mem_new(sizeof(*loop));
	int timer_fd, mail_fd;

	pthread_mutex_init(&loop->mail_lock, NULL);
	loop->mail_end = &loop->mail;
	loop->now_ns = clock_mono_ns();
	loop->timer_io = (struct loop_io){-1, 0, timer_ready};
	loop->mail_io = (struct loop_io){-1, 0, mail_ready};
	loop->signal_io = (struct loop_io){-1, 0, NULL};
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->epoll_fd < 0 || timer_fd < 0 || mail_fd < 0) {
		err_set_errno(err, "epoll, timerfd, eventfd");
		goto out;
	}
	if (loop_watch(loop, &loop->timer_io, timer_fd, EPOLLIN, err) < 0 ||
	    loop_watch(loop, &loop->mail_io, mail_fd, EPOLLIN, err) < 0)
		goto out;
	*out = loop;
	return 0;
out:
	close_fd(timer_fd);
	close_fd(mail_fd);
	loop->timer_io.fd = loop->mail_io.fd = -1;
	loop_close(loop);
	return -1;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	loop_run_deferred(loop);
	close_fd(loop->timer_io.fd);
	close_fd(loop->mail_io.fd);
	close_fd(loop->signal_io.fd);
	close_fd(loop->epoll_fd);
	pthread_mutex_destroy(&loop->mail_lock);
	free(loop);
}
