/*
 * loop: one thread's event loop: descriptors (epoll), timers, signals, and a
 * mailbox for other threads.
 *
 * Everything but loop_post belongs to the loop's thread.  The structs are
 * embedded in their owners and not copied.  CONTAINER_OF finds the owner.
 *
 * A turn: wait; then signals, mail and descriptors in the order they come;
 * then the timers that are due; then the hooks in the order they were added;
 * then what was deferred (freed).  An object may be unwatched at any time, also
 * by another object's callback: no event reaches the object after that.  Its
 * memory is freed with loop_defer, never in a callback of its own.
 */
#ifndef BELFRY_LIB_LOOP_H
#define BELFRY_LIB_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;

#define CONTAINER_OF(pointer, type, member)                                    \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct loop_io {
	int fd;		 /* -1 when not watched; the owner closes it */
	uint32_t events; /* EPOLLIN | … as asked for */
	void (*ready)(struct loop_io *io, uint32_t events);
};

struct loop_timer {
	int64_t due_ns; /* monotonic; 0 = not set */
	void (*fire)(struct loop_timer *timer);
	struct loop_timer *next;
};

struct loop_mail {
	void (*deliver)(struct loop_mail *mail); /* in the loop's thread */
	struct loop_mail *next;
};

struct loop_hook {
	void (*run)(struct loop_hook *hook);
	struct loop_hook *next;
};

struct loop_deferred {
	void (*run)(struct loop_deferred *deferred);
	struct loop_deferred *next;
};

int loop_open(struct loop **out, struct err *err);
void loop_close(struct loop *loop); /* runs what is deferred; NULL is fine */

/* Until loop_stop. 0, or -1 when epoll itself fails. */
int loop_run(struct loop *loop, struct err *err);
void loop_stop(struct loop *loop);
/* Monotonic time at the start of this turn. */
int64_t loop_now_ns(const struct loop *loop);

/* Watches fd; -1 when the kernel refuses.  io->ready must be set. */
int loop_watch(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
	       struct err *err);
void loop_change(struct loop *loop, struct loop_io *io, uint32_t events);
void loop_unwatch(struct loop *loop, struct loop_io *io); /* twice is fine */

/* Sets or moves a timer; a due time in the past fires in the next turn. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer,
		    int64_t due_ns);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

void loop_add_hook(struct loop *loop, struct loop_hook *hook);
void loop_remove_hook(struct loop *loop, struct loop_hook *hook);
/* The next turn does not sleep: there is work left. */
void loop_again(struct loop *loop);
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
/* Runs what is deferred now: at the end, when no turn follows. */
void loop_run_deferred(struct loop *loop);

/* Any thread: hands mail over; the loop owns it until deliver. */
void loop_post(struct loop *loop, struct loop_mail *mail);

/* Delivers what was posted, now: at the end, when no turn follows. */
void loop_deliver_mail(struct loop *loop);

/* Blocks TERM, INT, HUP and USR1 in this thread and in those that it makes, and
 * ignores PIPE.  Before the first thread. */
void loop_block_signals(void);
/* Calls fn for each blocked signal, in the loop's thread. */
int loop_on_signal(struct loop *loop, void (*fn)(void *context, int signo),
		   void *context, struct err *err);

#endif
