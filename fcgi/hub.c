/*
 * hub: which streams there are, and what becomes of each.
 *
 * A stream is taken out of the lists only at the end of the turn (it is
 * STREAM_DEAD until then), so whoever walks a list may end any stream on the
 * way.
 */
#include "hub.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "config.h"
#include "hub_internal.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "registry.h"
#include "stream_open.h"

#define NS_PER_MS	    1000000
#define SWEEP_MS	    1000
#define POLL_WAIT_MS	    25000
#define ENDING_MAX_MS	    10000
#define EVICTED_RETRY_MS    60000
#define SOON_MS		    1000
#define DRAIN_SPREAD_MAX_MS 10000
#define HEARTBEATS_PER_TURN 256
#define EVENTS_READING	    (EPOLLIN | EPOLLRDHUP)

/* ---- users ---- */

struct user *hub_find_user(struct hub *hub, struct span id)
{
	struct user *user = NULL;

	HASH_FIND(hh, hub->users, id.data, id.len, user);
	return user;
}

static struct user *make_user(struct hub *hub, struct span id)
{
	struct user *user = hub_find_user(hub, id);

	if (user)
		return user;
	user = mem_new(sizeof(*user));
	user->id = span_dup(id);
	user->id_len = id.len;
	HASH_ADD_KEYPTR(hh, hub->users, user->id, user->id_len, user);
	return user;
}

static void drop_user_if_alone(struct hub *hub, struct user *user)
{
	if (user->streams)
		return;
	HASH_DEL(hub->users, user);
	free(user->id);
	free(user);
}

/* ---- states ---- */

void hub_set_state(struct hub *hub, struct stream *s, enum stream_state state)
{
	if (s->state == state)
		return;
	if (s->state == STREAM_LAGGING)
		DL_DELETE2(hub->lagging, s, lag_prev, lag_next);
	if (s->state == STREAM_AHEAD)
		DL_DELETE2(hub->ahead, s, lag_prev, lag_next);
	if (s->state < STREAM_ENDING && state >= STREAM_ENDING)
		s->user->count--;
	s->state = (uint8_t)state;
	if (state == STREAM_LAGGING)
		DL_APPEND2(hub->lagging, s, lag_prev, lag_next);
	if (state == STREAM_AHEAD)
		DL_APPEND2(hub->ahead, s, lag_prev, lag_next);
	loop_change(hub->loop, &s->io,
		    state == STREAM_BLOCKED || state == STREAM_ENDING
			? EVENTS_READING | EPOLLOUT
			: EVENTS_READING);
}

static void forget_stream(struct loop_deferred *deferred)
{
	struct stream *s = CONTAINER_OF(deferred, struct stream, deferred);
	struct hub *hub = s->hub;

	DL_DELETE2(s->user->streams, s, user_prev, user_next);
	DL_DELETE2(hub->quiet, s, quiet_prev, quiet_next);
	drop_user_if_alone(hub, s->user);
	stream_free(s);
}

void hub_kill_stream(struct hub *hub, struct stream *s)
{
	char text[LOG_TEXT_BYTES];

	if (s->state == STREAM_DEAD)
		return;
	hub_set_state(hub, s, STREAM_DEAD);
	loop_unwatch(hub->loop, &s->io);
	close(s->fd);
	s->fd = -1;
	hub->count--;
	registry_release(hub->registry);
	log_info("stream-close", "user=%s streams=%u",
		 log_text(text, (struct span){s->user->id, s->user->id_len}),
		 hub->count);
	s->deferred.run = forget_stream;
	loop_defer(hub->loop, &s->deferred);
}

/* Written just now: the silence starts again. */
static void touch(struct hub *hub, struct stream *s)
{
	s->written_ns = loop_now_ns(hub->loop);
	DL_DELETE2(hub->quiet, s, quiet_prev, quiet_next);
	DL_APPEND2(hub->quiet, s, quiet_prev, quiet_next);
}

void hub_written(struct hub *hub, struct stream *s, enum stream_sent sent,
		 enum stream_state state)
{
	switch (sent) {
	case STREAM_GONE:
		hub_kill_stream(hub, s);
		return;
	case STREAM_SENT_PART:
		hub_set_state(hub, s,
			      state == STREAM_ENDING ? STREAM_ENDING
						     : STREAM_BLOCKED);
		touch(hub, s);
		return;
	case STREAM_SENT:
		touch(hub, s);
		if (state == STREAM_ENDING)
			hub_kill_stream(hub, s);
		else
			hub_set_state(hub, s, state);
		return;
	}
}

void hub_send(struct hub *hub, struct stream *s, struct frame *const *frames,
	      unsigned n)
{
	if (s->state == STREAM_LIVE)
		s->cursor = hub->position;
	hub_written(hub, s, stream_send(s, frames, n),
		    (enum stream_state)s->state);
	if (s->poll && s->state == STREAM_LIVE)
		hub_finish_stream(hub, s);
}

/* Where a stream belongs that has nothing half written. */
static enum stream_state place_of(const struct hub *hub, const struct stream *s)
{
	if (s->cursor == hub->position)
		return STREAM_LIVE;
	return s->cursor > hub->position ? STREAM_AHEAD : STREAM_LAGGING;
}

/* ---- ends ---- */

/* The last events (may be none) and the end of the response. */
static void end_with(struct hub *hub, struct stream *s, struct span last)
{
	struct buf b;
	struct frame *frame;

	if (s->state >= STREAM_ENDING)
		return;
	if (s->state == STREAM_BLOCKED) {
		hub_kill_stream(hub, s);
		return;
	}
	buf_init(&b, last.len + 256);
	fcgi_put_stdout(&b, s->request_id, last);
	fcgi_put_end(&b, s->request_id);
	frame = frame_of_bytes(FRAME_NO_CURSOR, buf_span(&b));
	hub_set_state(hub, s, STREAM_ENDING);
	hub_written(hub, s, stream_send(s, &frame, 1), STREAM_ENDING);
	frame_unref(frame);
	buf_fini(&b);
}

void hub_finish_stream(struct hub *hub, struct stream *s)
{
	end_with(hub, s, SPAN(""));
}

static int64_t retry_after(const struct hub *hub, enum event_close reason)
{
	int64_t spread = SOON_MS + hub->count;
	uint32_t dice;

	switch (reason) {
	case EVENT_CLOSE_EVICTED:
		return EVICTED_RETRY_MS + event_jitter(SOON_MS);
	case EVENT_CLOSE_SHUTDOWN:
		if (spread > DRAIN_SPREAD_MAX_MS)
			spread = DRAIN_SPREAD_MAX_MS;
		crypto_random(&dice, sizeof(dice));
		return SOON_MS + (int64_t)dice % spread;
	case EVENT_CLOSE_LIFETIME:
		return SOON_MS + event_jitter(SOON_MS);
	case EVENT_CLOSE_SESSION:
	case EVENT_CLOSE_REFUSED:
		break;
	}
	return event_jitter(hub->config->retry_ms);
}

void hub_end_stream(struct hub *hub, struct stream *s, enum event_close reason)
{
	struct buf event;

	buf_init(&event, 1024);
	event_put_close(&event, reason, retry_after(hub, reason));
	end_with(hub, s, buf_span(&event));
	buf_fini(&event);
}

/* ---- one stream's descriptor ---- */

static void stream_ready(struct loop_io *io, uint32_t events)
{
	struct stream *s = CONTAINER_OF(io, struct stream, io);
	struct hub *hub = s->hub;
	char trash[256];
	ssize_t n;

	if (events & (EVENTS_READING | EPOLLHUP | EPOLLERR)) {
		/* A web server has nothing more to say than that its client
		 * is gone.  It wants the end of the response all the same. */
		n = recv(s->fd, trash, sizeof(trash), MSG_DONTWAIT);
		if (n == 0 && s->state != STREAM_BLOCKED &&
		    s->state < STREAM_ENDING) {
			hub_finish_stream(hub, s);
			return;
		}
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			hub_kill_stream(hub, s);
			return;
		}
	}
	if (events & EPOLLOUT) {
		enum stream_sent sent = stream_flush(s);

		hub_written(hub, s, sent,
			    s->state == STREAM_ENDING ? STREAM_ENDING
						      : place_of(hub, s));
	}
}

/* ---- adopting ---- */

/* Was the credential revoked between the snapshot that checked it and the rows
 * this hub has seen?  Later revocations come with later rows. */
static bool revoked_meanwhile(struct hub *hub, const struct stream *s,
			      int64_t checked)
{
	struct db *db = journal_db(hub->journal);
	struct db_stmt *query;
	int rc;

	if (!db || checked >= hub->position ||
	    (s->credential != CREDENTIAL_SESSION &&
	     s->credential != CREDENTIAL_TOKEN))
		return false;
	if (db_query(db, DB_REVOKED_SINCE, &query, NULL) < 0)
		return false;
	db_bind_int(query, ":after", checked);
	db_bind_int(query, ":through", hub->position);
	db_bind_int(query, ":id", s->credential_id);
	db_bind_text(
	    query, ":action",
	    span_of(journal_action_name(s->credential == CREDENTIAL_SESSION
					    ? JOURNAL_SESSION_ENDED
					    : JOURNAL_TOKEN_ENDED)));
	rc = db_step(query, NULL);
	db_reset(query);
	return rc > 0;
}

/* The newest wins. */
static void evict_over_limit(struct hub *hub, struct user *user)
{
	struct stream *s;

	DL_FOREACH2(user->streams, s, user_next)
	{
		if (user->count <= hub->config->max_streams_per_user)
			return;
		if (s->state < STREAM_ENDING)
			hub_end_stream(hub, s, EVENT_CLOSE_EVICTED);
	}
}

static void enter(struct hub *hub, struct stream *s, struct span user_id)
{
	s->hub = hub;
	s->state = STREAM_LIVE; /* in no lag list yet */
	s->io.ready = stream_ready;
	s->user = make_user(hub, user_id);
	DL_APPEND2(s->user->streams, s, user_prev, user_next);
	DL_APPEND2(hub->quiet, s, quiet_prev, quiet_next);
	s->user->count++;
	hub->count++;
	if (hub->config->stream_lifetime_ms > 0)
		s->ends_ns =
		    s->opened_ns +
		    event_jitter(hub->config->stream_lifetime_ms) * NS_PER_MS;
	if (!hub->quiet_timer.due_ns)
		loop_timer_set(hub->loop, &hub->quiet_timer,
			       loop_now_ns(hub->loop) +
				   hub->config->heartbeat_ms * NS_PER_MS);
}

void hub_adopt(struct hub *hub, int fd, uint16_t request_id,
	       struct stream_open *open, struct span first)
{
	struct stream *s = stream_new(fd, request_id, open);
	struct frame *frame;
	char text[LOG_TEXT_BYTES];

	open->place = NULL; /* given back when the stream is killed */
	enter(hub, s, identity_user(&open->identity));
	if (loop_watch(hub->loop, &s->io, fd, EVENTS_READING, NULL) < 0) {
		hub_kill_stream(hub, s);
		goto out;
	}
	log_info("stream-open", "user=%s streams=%u",
		 log_text(text, identity_user(&open->identity)), hub->count);
	/* The cursor is taken and the stream in the index before anything is
	 * read for it: no row falls between replay and live. */
	frame = frame_new(request_id, FRAME_NO_CURSOR, first);
	hub_written(hub, s, stream_send(s, &frame, 1), place_of(hub, s));
	frame_unref(frame);
	if (revoked_meanwhile(hub, s, open->checked))
		hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
	else if (hub->draining)
		hub_end_stream(hub, s, EVENT_CLOSE_SHUTDOWN);
	else if (s->state == STREAM_LIVE && s->poll && s->poll_due)
		hub_finish_stream(hub, s);
	if (s->state == STREAM_AHEAD)
		journal_own_commit(hub->journal);
	evict_over_limit(hub, s->user);
out:
	stream_open_free(open);
}

/* ---- time ---- */

static void heartbeat(struct hub *hub, struct stream *s)
{
	struct frame *frame;
	struct buf event;

	if (s->state != STREAM_LIVE && s->state != STREAM_AHEAD) {
		touch(hub, s); /* it has other things to say, or can't */
		return;
	}
	buf_init(&event, 1024);
	event_put_heartbeat(&event,
			    s->state == STREAM_LIVE ? hub->position : s->cursor,
			    clock_wall_ms());
	frame = frame_new(s->request_id, FRAME_NO_CURSOR, buf_span(&event));
	if (s->state == STREAM_LIVE)
		s->cursor = hub->position;
	hub_written(hub, s, stream_send(s, &frame, 1),
		    (enum stream_state)s->state);
	frame_unref(frame);
	buf_fini(&event);
}

/* The list is in order of silence, so only its head is looked at. */
static void quiet_fire(struct loop_timer *timer)
{
	struct hub *hub = CONTAINER_OF(timer, struct hub, quiet_timer);
	int64_t period = hub->config->heartbeat_ms * NS_PER_MS;
	int64_t now = loop_now_ns(hub->loop);

	for (int i = 0; i < HEARTBEATS_PER_TURN; i++) {
		struct stream *s = hub->quiet;

		if (!s || s->written_ns + period > now)
			break;
		if (s->state == STREAM_DEAD)
			touch(hub, s);
		else
			heartbeat(hub, s);
	}
	if (hub->quiet)
		loop_timer_set(hub->loop, timer,
			       hub->quiet->written_ns + period);
}

static void sweep_stream(struct hub *hub, struct stream *s, int64_t now_ns,
			 int64_t now_ms)
{
	if (s->state == STREAM_DEAD)
		return;
	if (s->state == STREAM_ENDING) {
		if (now_ns - s->written_ns > ENDING_MAX_MS * (int64_t)NS_PER_MS)
			hub_kill_stream(hub, s);
	} else if (s->expires_at && s->expires_at <= now_ms) {
		hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
	} else if (s->ends_ns && s->ends_ns <= now_ns) {
		hub_end_stream(hub, s, EVENT_CLOSE_LIFETIME);
	} else if (s->poll &&
		   now_ns - s->opened_ns > POLL_WAIT_MS * (int64_t)NS_PER_MS) {
		heartbeat(hub, s);
		hub_finish_stream(hub, s);
	}
}

static void sweep(struct loop_timer *timer)
{
	struct hub *hub = CONTAINER_OF(timer, struct hub, sweep_timer);
	int64_t now_ns = loop_now_ns(hub->loop), now_ms = clock_wall_ms();
	struct user *user, *next_user;
	struct stream *s;

	HASH_ITER(hh, hub->users, user, next_user)
	{
		DL_FOREACH2(user->streams, s, user_next)
		sweep_stream(hub, s, now_ns, now_ms);
	}
	loop_timer_set(hub->loop, timer, now_ns + SWEEP_MS * NS_PER_MS);
}

static void turn_ends(struct loop_hook *hook)
{
	hub_catch_up(CONTAINER_OF(hook, struct hub, hook));
}

/* ---- from outside ---- */

void hub_each_host_session(struct hub *hub,
			   void (*fn)(void *context, struct span secret,
				      struct span user),
			   void *context)
{
	struct user *user, *next_user;
	struct stream *s;

	HASH_ITER(hh, hub->users, user, next_user)
	{
		DL_FOREACH2(user->streams, s, user_next)
		if (s->host_secret && s->state < STREAM_ENDING)
			fn(context, span_of(s->host_secret),
			   (struct span){user->id, user->id_len});
	}
}

void hub_end_host_session(struct hub *hub, struct span secret, struct span id)
{
	struct user *user = hub_find_user(hub, id);
	struct stream *s;

	if (!user)
		return;
	DL_FOREACH2(user->streams, s, user_next)
	if (s->host_secret && span_equal(span_of(s->host_secret), secret))
		hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
}

void hub_drain(struct hub *hub)
{
	struct user *user, *next_user;
	struct stream *s;

	hub->draining = true;
	HASH_ITER(hh, hub->users, user, next_user)
	{
		DL_FOREACH2(user->streams, s, user_next)
		hub_end_stream(hub, s, EVENT_CLOSE_SHUTDOWN);
	}
}

unsigned hub_streams(const struct hub *hub)
{
	return hub->count;
}

struct journal *hub_journal(struct hub *hub)
{
	return hub->journal;
}

int hub_open(struct hub **out, const struct config *config, struct loop *loop,
	     struct registry *registry, struct err *err)
{
	struct hub *hub = mem_new(sizeof(*hub));

	hub->config = config;
	hub->loop = loop;
	hub->registry = registry;
	hub_fanout_init(hub);
	buf_init(&hub->page,
		 HUB_PAGE_BYTES + NOTIFICATION_STREAM_MAX_BYTES + 4096);
	if (journal_open(&hub->journal, loop, config->database,
			 config->synchronous_full, &hub->sink, err) < 0) {
		hub_fanout_fini(hub);
		free(hub);
		return -1;
	}
	hub->position = journal_position(hub->journal);
	/* After the journal's hook: rows first, then the catching up. */
	hub->hook.run = turn_ends;
	loop_add_hook(loop, &hub->hook);
	hub->quiet_timer.fire = quiet_fire;
	hub->sweep_timer.fire = sweep;
	loop_timer_set(loop, &hub->sweep_timer,
		       loop_now_ns(loop) + SWEEP_MS * NS_PER_MS);
	*out = hub;
	return 0;
}

void hub_close(struct hub *hub)
{
	struct user *user, *next_user;
	struct stream *s;

	if (!hub)
		return;
	HASH_ITER(hh, hub->users, user, next_user)
	{
		DL_FOREACH2(user->streams, s, user_next)
		hub_kill_stream(hub, s);
	}
	loop_run_deferred(hub->loop);
	loop_timer_stop(hub->loop, &hub->quiet_timer);
	loop_timer_stop(hub->loop, &hub->sweep_timer);
	loop_remove_hook(hub->loop, &hub->hook);
	journal_close(hub->journal);
	hub_fanout_fini(hub);
	buf_fini(&hub->page);
	free(hub);
}
