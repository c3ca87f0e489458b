/*
 * silence: does a stream survive the silence until the next heartbeat, and does
 * the responder notice that a client has gone?
 *
 * Only the responder's own count shows the second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "tool/doctor/probe.h"

#define NS_PER_MS      INT64_C(1000000)
#define NS_PER_SECOND  INT64_C(1000000000)
#define HANGUP_TRIES   3
#define COUNT_TRIES    10
#define COUNT_PAUSE_NS (100 * NS_PER_MS)

/* ---- silence ---- */

bool probe_check_heartbeat(struct probe *p)
{
	int64_t since = p->http.last_ns, took;
	int64_t wait = p->heartbeat_ms * NS_PER_MS;
	struct http_event event;

	if (p->poll) {
		doctor_say(p->d, DOCTOR_SKIP, "heartbeat",
			   "poll mode has none");
		return true;
	}
	if (p->d->quick) {
		doctor_say(p->d, DOCTOR_SKIP, "heartbeat",
			   "not waited for (--quick): one comes after %" PRId64
			   " s of silence",
			   p->heartbeat_ms / 1000);
		return true;
	}
	if (probe_event(p, "heartbeat", since + wait + wait / 4 + PROBE_WAIT_NS,
			&event)) {
		doctor_say(p->d, DOCTOR_OK, "heartbeat",
			   "comes after %.1f s of silence",
			   (double)(p->http.last_ns - since) / NS_PER_SECOND);
		return true;
	}
	took = clock_mono_ns() - since;
	if (*p->closed) {
		doctor_say(p->d, DOCTOR_WARN, "heartbeat",
			   "the responder ended the stream before one was due "
			   "(%s)",
			   p->closed);
	} else if (p->http.ended) {
		doctor_say(p->d, DOCTOR_FAIL, "heartbeat",
			   "the stream was cut after %.1f s of silence; one "
			   "comes after %" PRId64 " s",
			   (double)took / NS_PER_SECOND,
			   p->heartbeat_ms / 1000);
		probe_advise(p, SYMPTOM_CUT);
	} else if (!doctor_interrupted()) {
		doctor_say(p->d, DOCTOR_FAIL, "heartbeat",
			   "none within %.1f s; one is due after %" PRId64 " s",
			   (double)took / NS_PER_SECOND,
			   p->heartbeat_ms / 1000);
		probe_advise(p, SYMPTOM_HELD);
	}
	return false;
}

/* ---- a closed tab ---- */

/* Does the responder count a stream of the probe's?  -1: it does not tell. */
static int is_counted(struct probe *p)
{
	struct http h;
	int status = probe_get(p, "/stats", &h), result = -1;
	struct span body = http_body(&h);

	if (status == 200)
		result = memmem(body.data, body.len, p->user,
				strlen(p->user)) != NULL;
	http_stop(&h);
	return result;
}

/* Asks ten times in a second or more: milliseconds until the stream was not
 * counted, or -1.  The answers are counted and not the time, because on a busy
 * machine they take longer. */
static int64_t wait_until_gone(struct probe *p, int64_t since_ns)
{
	const struct timespec pause = {.tv_nsec = COUNT_PAUSE_NS};

	for (int i = 0; i < COUNT_TRIES && !doctor_interrupted(); i++) {
		if (is_counted(p) == 0)
			return probe_ms(since_ns, clock_mono_ns());
		nanosleep(&pause, NULL);
	}
	return -1;
}

static void say_late(struct probe *p, int writes)
{
	if (!writes)
		doctor_say(p->d, DOCTOR_FAIL, "closed tab",
			   "the responder does not see it, even when it writes "
			   "%d times",
			   HANGUP_TRIES);
	else
		doctor_say(p->d, DOCTOR_WARN, "closed tab",
			   "seen when something is written (write %d), so a "
			   "stream that nobody reads counts for a heartbeat or "
			   "two",
			   writes);
	probe_advise(p, SYMPTOM_HANGUP);
}

void probe_check_hangup(struct probe *p)
{
	int64_t begin, took;
	int writes = 0;

	if (p->poll || !p->token_id || p->by_ticket || is_counted(p) < 1) {
		doctor_say(p->d, DOCTOR_SKIP, "closed tab",
			   "the responder does not tell here");
		return;
	}
	http_stop(&p->http);
	begin = clock_mono_ns();
	took = wait_until_gone(p, begin);
	while (took < 0 && writes < HANGUP_TRIES && !doctor_interrupted()) {
		writes++;
		if (probe_notify(p, "anybody there?", NULL) == 0)
			took = wait_until_gone(p, begin);
	}
	if (took >= 0 && !writes)
		doctor_say(p->d, DOCTOR_OK, "closed tab",
			   "seen within %" PRId64 " ms", took);
	else
		say_late(p, took < 0 ? 0 : writes);
}
