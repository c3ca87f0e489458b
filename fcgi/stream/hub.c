/*
 * hub: all streams of this process: a new stream is adopted, all are drained.
 *
 * The other files of the hub, each using only those before it: hub_user.c the
 * index by user, hub_credential.c, hub_stream.c one stream's states and writes,
 * hub_processes.c, hub_heartbeat.c, hub_sweep.c, hub_page.c and hub_fanout.c
 * (rows to live streams), hub_catchup.c (rows to lagging streams).
 */
#include "stream/hub.h"

#include <stdlib.h>
#include <utlist.h>

#include "config/config.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "stream/internal.h"
#include "stream/open.h"

#define NS_PER_MS 1000000

/* ---- adopting ---- */

/* The limit is somebody else's (mod_fcgid kills at 300 s), so the jitter only
 * takes off: 60 to 100 % of what is configured. */
static int64_t lifetime_ms(const struct hub *hub)
{
	return event_jitter(hub->config->stream_lifetime_ms * 4 / 5);
}

static void enter(struct hub *hub, struct stream *s, struct span user_id)
{
	s->hub = hub;
	s->state = STREAM_LIVE; /* in no lag list yet */
	s->io.ready = hub_stream_ready;
	s->user = hub_make_user(hub, user_id);
	DL_APPEND2(s->user->streams, s, user_prev, user_next);
	DL_APPEND2(hub->quiet, s, quiet_prev, quiet_next);
	s->user->count++;
	hub->count++;
	if (hub->config->stream_lifetime_ms > 0)
		s->ends_ns = s->opened_ns + lifetime_ms(hub) * NS_PER_MS;
	hub_heartbeat_start(hub);
}

/* A hub that nobody has woken may be behind what the request has seen: it reads
 * on at once, and the stream what it missed from the journal. */
static enum stream_state first_place(const struct hub *hub,
				     const struct stream *s, int64_t seen)
{
	return seen > hub->position ? STREAM_AHEAD : hub_place_of(hub, s);
}

void hub_adopt(struct hub *hub, int fd, uint16_t request_id,
	       struct stream_open *open, struct span first)
{
	struct stream *s = stream_new(fd, request_id, open);
	struct frame *frame;
	char text[LOG_TEXT_BYTES];

	enter(hub, s, identity_user(&open->identity));
	if (loop_watch(hub->loop, &s->io, fd, hub_stream_events(s), NULL) < 0) {
		hub_kill_stream(hub, s);
		goto out;
	}
	log_info("stream-open", "id=%s user=%s streams=%u", open->request_id,
		 log_text(text, identity_user(&open->identity)), hub->count);
	hub_tell(hub, s, "connected");
	/* The cursor is taken and the stream in the index before anything is
	 * read for it: no row falls between replay and live. */
	frame = frame_new(request_id, FRAME_NO_CURSOR, first);
	hub_written(hub, s, stream_send(s, &frame, 1),
		    first_place(hub, s, open->checked));
	frame_unref(frame);
	hub_follow(hub);
	if (hub_credential_revoked(hub, s, open->checked))
		hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
	else if (hub->draining)
		hub_end_stream(hub, s, EVENT_CLOSE_SHUTDOWN);
	if (s->state == STREAM_AHEAD)
		journal_own_commit(hub->journal);
	hub_processes_evict(hub, s->user);
out:
	stream_open_free(open);
}

static void turn_ends(struct loop_hook *hook)
{
	struct hub *hub = CONTAINER_OF(hook, struct hub, hook);

	/* Also where the journal had nothing new. */
	hub_recall_ahead(hub);
	hub_catch_up(hub);
}

/* ---- from outside ---- */

void hub_each_host_session(struct hub *hub,
			   void (*fn)(void *context, struct span secret,
				      struct span user),
			   void *context)
{
	struct user *user, *next_user;
	struct stream *s;

	HASH_ITER (hh, hub->users, user, next_user) {
		DL_FOREACH2 (user->streams, s, user_next)
			if (s->host_secret && s->state < STREAM_ENDING)
				fn(context, span_of(s->host_secret),
				   hub_user_id(user));
	}
}

void hub_end_host_session(struct hub *hub, struct span secret, struct span id)
{
	struct user *user = hub_find_user(hub, id);
	struct stream *s;

	if (!user)
		return;
	DL_FOREACH2 (user->streams, s, user_next)
		if (s->host_secret &&
		    span_equal(span_of(s->host_secret), secret))
			hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
}

void hub_drain(struct hub *hub)
{
	struct user *user, *next_user;
	struct stream *s;

	hub->draining = true;
	HASH_ITER (hh, hub->users, user, next_user) {
		DL_FOREACH2 (user->streams, s, user_next)
			hub_end_stream(hub, s, EVENT_CLOSE_SHUTDOWN);
	}
}

void hub_share(struct hub *hub, struct metrics *metrics)
{
	hub->metrics = metrics;
}

unsigned hub_streams(const struct hub *hub)
{
	return hub->count;
}

struct journal *hub_journal(struct hub *hub)
{
	return hub->journal;
}

struct hub *hub_new(const struct config *config, struct loop *loop,
		    struct registry *registry)
{
	const struct journal_options options = {
	    config->database, config->synchronous_full, registry};
	struct hub *hub = mem_new(sizeof(*hub));

	hub->config = config;
	hub->loop = loop;
	hub->registry = registry;
	hub->wake_io.fd = -1;
	hub_page_init(hub);
	hub_fanout_init(hub);
	buf_init(&hub->page,
		 HUB_PAGE_BYTES + NOTIFICATION_STREAM_MAX_BYTES + 4096);
	hub->journal = journal_new(loop, &options, &hub->sink);
	hub->position = journal_position(hub->journal);
	/* After the journal's hook: rows first, then the catching up. */
	hub->hook.run = turn_ends;
	loop_add_hook(loop, &hub->hook);
	hub_heartbeat_init(hub);
	hub_sweep_init(hub);
	return hub;
}

void hub_close(struct hub *hub)
{
	struct user *user, *next_user;
	struct stream *s;

	if (!hub)
		return;
	HASH_ITER (hh, hub->users, user, next_user) {
		DL_FOREACH2 (user->streams, s, user_next)
			hub_kill_stream(hub, s);
	}
	loop_run_deferred(hub->loop);
	hub_heartbeat_fini(hub);
	hub_sweep_fini(hub);
	hub_processes_fini(hub);
	loop_remove_hook(hub->loop, &hub->hook);
	journal_close(hub->journal);
	hub_page_fini(hub);
	buf_fini(&hub->page);
	free(hub);
}
