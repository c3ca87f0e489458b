/*
 * hub_time: what comes with time: heartbeats, the ends of sessions and
 * lifetimes.
 */
#include <utlist.h>

#include "config/config.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "stream/internal.h"

#define NS_PER_MS	    1000000
#define SWEEP_MS	    1000
#define POLL_WAIT_MS	    25000
#define HEARTBEATS_PER_TURN 256
/* At 2,000 rows/s to 1,000 users the counts were a third of the responder's
 * CPU. */
#define LOOKS_PER_SWEEP	 1000 /* at credentials: 5 ms */
#define COUNTS_PER_SWEEP 200
/* ---- credentials ---- */

int64_t hub_credential_expiry(struct hub *hub, const struct stream *s)
{
	struct db *db = journal_db(hub->journal);
	int64_t expiry = HUB_CREDENTIAL_UNKNOWN;
	struct db_stmt *query;
	int rc;

	if (s->credential != CREDENTIAL_SESSION &&
	    s->credential != CREDENTIAL_TOKEN)
		return s->expires_at; /* not ours; looked at elsewhere */
	if (!db ||
	    db_query(db,
		     s->credential == CREDENTIAL_SESSION ? DB_SESSION_EXPIRY
							 : DB_TOKEN_EXPIRY,
		     &query, NULL) < 0)
		return HUB_CREDENTIAL_UNKNOWN;
	db_bind_int(query, ":id", s->credential_id);
	db_bind_text(query, ":user",
		     (struct span){s->user->id, s->user->id_len});
	rc = db_step(query, NULL);
	if (rc >= 0)
		expiry = rc ? db_int(query, 0) : HUB_CREDENTIAL_GONE;
	db_reset(query);
	return expiry;
}

/* Is its session over?  Looked up when it should expire, as it may have been
 * prolonged, of which no row tells; and once per heartbeat all the same, as
 * a database put back from a backup may not know it and yet have our anchor. */
static bool is_over(struct hub *hub, struct stream *s, int64_t now_ns,
		    int64_t now_ms)
{
	int64_t period = hub->config->heartbeat_ms * NS_PER_MS, expiry;

	if ((!s->expires_at || s->expires_at > now_ms) &&
	    (now_ns - s->checked_ns < period || !hub->looks_left))
		return false;
	if (hub->looks_left)
		hub->looks_left--;
	expiry = hub_credential_expiry(hub, s);
	if (expiry == HUB_CREDENTIAL_UNKNOWN)
		return false; /* nobody is signed out by a lock: ask again */
	s->checked_ns = now_ns;
	if (expiry == HUB_CREDENTIAL_GONE || (expiry && expiry <= now_ms))
		return true;
	s->expires_at = expiry;
	return false;
}

/* ---- time ---- */

static void heartbeat(struct hub *hub, struct stream *s)
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
			hub_touch(hub, s);
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
		if (now_ns > s->ends_ns)
			hub_kill_stream(hub, s);
	} else if (is_over(hub, s, now_ns, now_ms)) {
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

	hub->counts_left = COUNTS_PER_SWEEP;
	hub->looks_left = LOOKS_PER_SWEEP;
	hub_share_tick(hub);
	HASH_ITER (hh, hub->users, user, next_user) {
		DL_FOREACH2 (user->streams, s, user_next)
			sweep_stream(hub, s, now_ns, now_ms);
	}
	loop_timer_set(hub->loop, timer, now_ns + SWEEP_MS * NS_PER_MS);
}

void hub_time_init(struct hub *hub)
{
	hub->counts_left = COUNTS_PER_SWEEP;
	hub->looks_left = LOOKS_PER_SWEEP;
	hub->quiet_timer.fire = quiet_fire;
	hub->sweep_timer.fire = sweep;
	loop_timer_set(hub->loop, &hub->sweep_timer,
		       loop_now_ns(hub->loop) + SWEEP_MS * NS_PER_MS);
}

void hub_time_fini(struct hub *hub)
{
	loop_timer_stop(hub->loop, &hub->quiet_timer);
	loop_timer_stop(hub->loop, &hub->sweep_timer);
}

void hub_time_start(struct hub *hub)
{
	if (!hub->quiet_timer.due_ns)
		loop_timer_set(hub->loop, &hub->quiet_timer,
			       loop_now_ns(hub->loop) +
				   hub->config->heartbeat_ms * NS_PER_MS);
}
