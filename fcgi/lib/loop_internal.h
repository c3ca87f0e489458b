/*
 * loop_internal: what loop.c and loop_signal.c share.  loop_signal.c uses
 * loop.c, never the other way.
 */
#ifndef BELFRY_LIB_LOOP_INTERNAL_H
#define BELFRY_LIB_LOOP_INTERNAL_H

#include <pthread.h>
#include <sys/epoll.h>

#include "lib/loop.h"

#define LOOP_EVENTS 256

struct loop {
	int epoll_fd;
	struct loop_io timer_io, mail_io, signal_io;
	struct loop_timer *timers; /* by due time */
	int64_t armed_ns;	   /* what the timerfd is set to */
	int64_t now_ns;
	struct loop_hook *hooks;
	struct loop_deferred *deferred;
	pthread_mutex_t mail_lock;
	struct loop_mail *mail, **mail_end;
	void (*on_signal)(void *context, int signo);
	void *signal_context;
	bool stopped, again, firing;
	int count, current; /* events of this turn */
	struct epoll_event events[LOOP_EVENTS];
};

#endif
