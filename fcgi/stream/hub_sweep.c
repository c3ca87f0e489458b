/*
 * hub_sweep: once a second, over all streams: what ends with time.
 *
 * A credential expires, a lifetime is over, a poll has waited long enough, an
 * ending stream is not read any more.
 */
#include <utlist.h>

#include "config/config.h"
#include "lib/clock.h"
#include "stream/internal.h"

#define NS_PER_MS    1000000
#define SWEEP_MS     1000
#define POLL_WAIT_MS 25000
/* What may be asked of the database until the next sweep.  At 2,000 rows/s to
 * 1,000 users the counts were a third of the responder's CPU. */
#define LOOKS_PER_SWEEP	 1000 /* at credentials: 5 ms */
#define COUNTS_PER_SWEEP 200

static void sweep_stream(struct hub *hub, struct stream *s, int64_t now_ns,
			 int64_t now_ms)
{
	if (s->state == STREAM_DEAD)
		return;
	if (s->state == STREAM_ENDING) {
		if (now_ns > s->ends_ns)
			hub_kill_stream(hub, s);
	} else if (hub_credential_is_over(hub, s, now_ns, now_ms)) {
		hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
	} else if (s->ends_ns && s->ends_ns <= now_ns) {
		hub_end_stream(hub, s, EVENT_CLOSE_LIFETIME);
	} else if (s->poll &&
		   now_ns - s->opened_ns > POLL_WAIT_MS * (int64_t)NS_PER_MS) {
		hub_heartbeat(hub, s);
		hub_finish_stream(hub, s);
	}
}

static void sweep(struct loop_timer *timer)
{
	struct hub *hub = CONTAINER_OF(timer, struct hub, sweep_timer);
	int64_t now_ns = loop_now_ns(hub->loop), now_ms = clock_wall_ms();
	struct user *user, *next_user;
	struct stream *s;

	hub->counts_left = COUNTS_PER_SWEEP;
	hub->looks_left = LOOKS_PER_SWEEP;
	hub_processes_tick(hub);
	HASH_ITER (hh, hub->users, user, next_user) {
		DL_FOREACH2 (user->streams, s, user_next)
			sweep_stream(hub, s, now_ns, now_ms);
	}
	loop_timer_set(hub->loop, timer, now_ns + SWEEP_MS * NS_PER_MS);
}

void hub_sweep_init(struct hub *hub)
{
	hub->counts_left = COUNTS_PER_SWEEP;
	hub->looks_left = LOOKS_PER_SWEEP;
	hub->sweep_timer.fire = sweep;
	loop_timer_set(hub->loop, &hub->sweep_timer,
		       loop_now_ns(hub->loop) + SWEEP_MS * NS_PER_MS);
}

void hub_sweep_fini(struct hub *hub)
{
	loop_timer_stop(hub->loop, &hub->sweep_timer);
}
