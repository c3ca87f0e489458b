/*
 * hub_heartbeat: after a time of silence a stream is sent a heartbeat.
 *
 * The list `quiet` has all streams in the order of their last write.  So the
 * timer looks only at the head of the list, and is set for that stream's time.
 */
#include <utlist.h>

#include "config/config.h"
#include "lib/clock.h"
#include "stream/internal.h"

#define NS_PER_MS	    1000000
#define HEARTBEATS_PER_TURN 256

void hub_heartbeat(struct hub *hub, struct stream *s)
{
	struct frame *frame;
	struct buf event;

	if (s->state != STREAM_LIVE && s->state != STREAM_AHEAD) {
		hub_touch(hub, s); /* it has other things to say, or can't */
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
	if (s->poll) /* held back until the end, it would tell nobody */
		hub_finish_stream(hub, s);
}

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
			hub_touch(hub, s);
		else
			hub_heartbeat(hub, s);
	}
	if (hub->quiet)
		loop_timer_set(hub->loop, timer,
			       hub->quiet->written_ns + period);
}

void hub_heartbeat_init(struct hub *hub)
{
	hub->quiet_timer.fire = quiet_fire;
}

void hub_heartbeat_fini(struct hub *hub)
{
	loop_timer_stop(hub->loop, &hub->quiet_timer);
}

void hub_heartbeat_start(struct hub *hub)
{
	if (!hub->quiet_timer.due_ns)
		loop_timer_set(hub->loop, &hub->quiet_timer,
			       loop_now_ns(hub->loop) +
				   hub->config->heartbeat_ms * NS_PER_MS);
}
