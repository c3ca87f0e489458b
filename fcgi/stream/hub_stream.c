/*
 * hub_stream: what becomes of one stream: its states, its writes, its end.
 *
 * A stream is taken out of the lists only at the end of the turn (it is
 * STREAM_DEAD until then), so whoever walks a list may end any stream on the
 * way.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "config/config.h"
#include "lib/crypto.h"
#include "lib/fcgi.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "shared/metrics.h"
#include "shared/registry.h"
#include "stream/internal.h"

#define NS_PER_MS	    1000000
#define EVENTS_READING	    (EPOLLIN | EPOLLRDHUP)
#define ENDING_MAX_MS	    10000
#define EVICTED_RETRY_MS    60000
#define SOON_MS		    1000
#define DRAIN_SPREAD_MAX_MS 10000
/* That a web server hangs up is seen by what it sends: nothing, the end.  Under
 * CGI its sending ended with the request's body; EPOLLHUP and EPOLLERR come
 * unasked. */
uint32_t hub_stream_events(const struct stream *s)
{
	return s->request_id == FCGI_NO_RECORDS ? 0 : EVENTS_READING;
}

static bool is_behind(unsigned state)
{
	return state == STREAM_LAGGING || state == STREAM_BLOCKED;
}

void hub_set_state(struct hub *hub, struct stream *s, enum stream_state state)
{
	if (s->state == state)
		return;
	metrics_lagging(hub->metrics,
			(int)is_behind(state) - (int)is_behind(s->state));
	if (state == STREAM_BLOCKED)
		metrics_add(hub->metrics, METRIC_BLOCKED, 1);
	if (s->state == STREAM_LAGGING)
		DL_DELETE2(hub->lagging, s, lag_prev, lag_next);
	if (s->state == STREAM_AHEAD)
		DL_DELETE2(hub->ahead, s, lag_prev, lag_next);
	if (s->state < STREAM_ENDING && state >= STREAM_ENDING) {
		s->user->count--;
		s->ends_ns =
		    loop_now_ns(hub->loop) + ENDING_MAX_MS * (int64_t)NS_PER_MS;
	}
	s->state = (uint8_t)state;
	if (state == STREAM_LAGGING)
		DL_APPEND2(hub->lagging, s, lag_prev, lag_next);
	if (state == STREAM_AHEAD)
		DL_APPEND2(hub->ahead, s, lag_prev, lag_next);
	loop_change(hub->loop, &s->io,
		    state == STREAM_BLOCKED || state == STREAM_ENDING
			? hub_stream_events(s) | EPOLLOUT
			: hub_stream_events(s));
}

/* The sum over all processes costs 10 µs with 10,000 streams. */
static unsigned total(const struct hub *hub)
{
	return registry_has_others(hub->registry)
		   ? registry_streams(hub->registry)
		   : hub->count;
}

void hub_tell(const struct hub *hub, const struct stream *s, const char *what)
{
	char name[LOG_TEXT_BYTES];

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	utf8_line(name, sizeof(name), hub_user_id(s->user));
	log_info("[SSE]", "User %s %s. Total connections: %u", name, what,
		 total(hub));
}

static void forget_stream(struct loop_deferred *deferred)
{
	struct stream *s = CONTAINER_OF(deferred, struct stream, deferred);
	struct hub *hub = s->hub;

	DL_DELETE2(s->user->streams, s, user_prev, user_next);
	DL_DELETE2(hub->quiet, s, quiet_prev, quiet_next);
	hub_drop_user_if_alone(hub, s->user);
	stream_free(s);
}

void hub_kill_stream(struct hub *hub, struct stream *s)
{
	char text[LOG_TEXT_BYTES];

	if (s->state == STREAM_DEAD)
		return;
	if (s->state < STREAM_ENDING)
		metrics_add(hub->metrics, METRIC_END_GONE, 1);
	hub_set_state(hub, s, STREAM_DEAD);
	loop_unwatch(hub->loop, &s->io);
	close(s->fd);
	s->fd = -1;
	hub->count--;
	registry_release(hub->registry, &s->place);
	log_info("stream-close", "user=%s streams=%u",
		 log_text(text, hub_user_id(s->user)), hub->count);
	hub_tell(hub, s, "disconnected");
	s->deferred.run = forget_stream;
	loop_defer(hub->loop, &s->deferred);
}

/* Written just now: the silence starts again. */
void hub_touch(struct hub *hub, struct stream *s)
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
		hub_touch(hub, s);
		return;
	case STREAM_SENT:
		hub_touch(hub, s);
		if (state == STREAM_ENDING) {
			hub_kill_stream(hub, s);
			return;
		}
		hub_set_state(hub, s, state);
		/* A slice is over when all that was due is said. */
		if (state == STREAM_LIVE && s->poll && s->poll_due)
			hub_finish_stream(hub, s);
		return;
	}
}

void hub_send(struct hub *hub, struct stream *s, struct frame *const *frames,
	      unsigned n)
{
	if (s->state == STREAM_LIVE)
		s->cursor = hub->position;
	s->poll_due = true;
	hub_written(hub, s, stream_send(s, frames, n),
		    (enum stream_state)s->state);
}

/* Where a stream belongs that has nothing half written. */
enum stream_state hub_place_of(const struct hub *hub, const struct stream *s)
{
	if (s->cursor == hub->position)
		return STREAM_LIVE;
	return s->cursor > hub->position ? STREAM_AHEAD : STREAM_LAGGING;
}

/* ---- ends ---- */

/* The last events (may be none) and the end of the response. */
static void end_with(struct hub *hub, struct stream *s, struct span last,
		     enum metric why)
{
	struct buf b;
	struct frame *frame;

	if (s->state >= STREAM_ENDING)
		return;
	metrics_add(hub->metrics, why, 1);
	if (s->state == STREAM_BLOCKED) {
		hub_set_state(hub, s, STREAM_ENDING);
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
	end_with(hub, s, SPAN(""), s->poll ? METRIC_END_POLL : METRIC_END_GONE);
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
	end_with(hub, s, buf_span(&event), METRIC_END + (unsigned)reason);
	buf_fini(&event);
}

/* ---- one stream's descriptor ---- */

void hub_stream_ready(struct loop_io *io, uint32_t events)
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
						      : hub_place_of(hub, s));
	}
}
