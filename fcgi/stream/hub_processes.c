/*
 * hub_processes: the other processes that have streams.
 *
 * The limit of streams per user counts the streams of all processes.  Another
 * process wakes this one in two cases: rows of the journal concern a user here,
 * or a stream here is one too many and was marked.
 */
#include <sys/epoll.h>
#include <utlist.h>

#include "config/config.h"
#include "stream/internal.h"

static void end_marked(struct hub *hub, struct user *user)
{
	struct stream *s;

	DL_FOREACH2 (user->streams, s, user_next)
		if (s->state < STREAM_ENDING &&
		    registry_evicted(hub->registry, &s->place))
			hub_end_stream(hub, s, EVENT_CLOSE_EVICTED);
}

void hub_processes_evict(struct hub *hub, struct user *user)
{
	/* Counting over all processes looks at every place, and this one is
	 * asked with each stream that opens.  Who joins meanwhile counts ours
	 * when its own stream opens. */
	if (user->count <= hub->config->max_streams_per_user &&
	    !registry_has_others(hub->registry))
		return;
	registry_evict(hub->registry, hub_user_id(user));
	end_marked(hub, user);
}

static void wake(struct hub *hub, bool late)
{
	struct user *user, *next;

	if (registry_take_wake(hub->registry))
		HASH_ITER (hh, hub->users, user, next)
			end_marked(hub, user);
	journal_woken(hub->journal, late);
}

static void wake_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	wake(CONTAINER_OF(io, struct hub, wake_io), false);
}

static void watch_fifo(struct hub *hub)
{
	int fd = registry_wake_fd(hub->registry);

	if (hub->wake_io.fd == fd)
		return;
	loop_unwatch(hub->loop, &hub->wake_io);
	hub->wake_io.ready = wake_ready;
	if (fd >= 0)
		loop_watch(hub->loop, &hub->wake_io, fd, EPOLLIN, NULL);
}

void hub_follow(struct hub *hub)
{
	registry_join(hub->registry);
	watch_fifo(hub);
	journal_follow(hub->journal);
}

/* Places that were lost with the file are taken again; a stream that gets none
 * now lives on without. */
static void keep_places(struct hub *hub)
{
	struct user *user, *next;
	struct stream *s;

	HASH_ITER (hh, hub->users, user, next) {
		DL_FOREACH2 (user->streams, s, user_next)
			if (s->state < STREAM_ENDING &&
			    !registry_keep(hub->registry, hub_user_id(user),
					   s->opened_ns, &s->place))
				return;
	}
}

void hub_processes_tick(struct hub *hub)
{
	bool renewed = registry_tick(hub->registry);

	watch_fifo(hub);
	/* Its byte may have been lost. */
	if (registry_woken(hub->registry))
		wake(hub, true);
	keep_places(hub);
	if (renewed) /* only now others see our streams in it */
		journal_missed(hub->journal);
}

void hub_processes_fini(struct hub *hub)
{
	loop_unwatch(hub->loop, &hub->wake_io);
}
