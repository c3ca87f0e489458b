/*
 * stream: does an event arrive at once, or only when the response ends?
 *
 * Each step through the web server needs the one before.  So the first step
 * that fails is the last.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/json.h"
#include "tool/doctor/probe.h"
#include "tool/internal.h"

#define PROMPT_MS 1000
#define SLICES	  4 /* of poll mode, until an event is given up */

/* ---- the stream ---- */

static bool is_our_epoch(struct probe *p, struct span epoch)
{
	struct db_stmt *row;
	bool ours;

	if (!p->token_id || !epoch.len ||
	    db_query(p->d->cmd->db, DB_META_GET, &row, NULL) < 0)
		return true;
	db_bind_text(row, ":key", SPAN("epoch"));
	ours = db_step(row, NULL) > 0 && span_equal(db_text(row, 0), epoch);
	db_reset(row);
	return ours;
}

/* What `connected` says; false: it is of another database. */
static bool read_greeting(struct probe *p, struct span data)
{
	struct json *root = NULL;
	const struct json *poll;
	bool ours;

	if (json_parse(data, &root, NULL) < 0)
		return false;
	poll = json_get(root, "poll", NULL);
	p->poll = json_type(poll) == JSON_BOOL && json_bool(poll);
	p->heartbeat_ms = json_int(json_get(root, "heartbeatMs", NULL));
	ours = is_our_epoch(p, json_string(json_get(root, "epoch", NULL)));
	json_free(root);
	return ours;
}

static bool is_compressed(struct probe *p)
{
	const struct http *h = &p->http;

	if (!*h->encoding || strcasecmp(h->encoding, "identity") == 0)
		return false;
	doctor_say(p->d, DOCTOR_FAIL, "stream",
		   "compressed (%s): an event waits until a block is full",
		   h->encoding);
	probe_advise(p, SYMPTOM_COMPRESSED);
	return true;
}

/* Nothing has come.  If it comes when the stream is ended, it was held back. */
static void explain_silence(struct probe *p)
{
	struct err err = {ERR_OK, ""};
	struct http_event event;
	bool came = false;

	if (p->token_id && probe_revoke(p, &err) == 0)
		came = probe_event(p, "connected",
				   clock_mono_ns() + 2 * PROBE_WAIT_NS, &event);
	/* The head may have come only now. */
	if (is_compressed(p))
		return;
	doctor_say(p->d, DOCTOR_FAIL, "stream", "nothing within 5 s%s",
		   came ? "; when the stream was ended, all of it came at "
			  "once: the web server holds it back"
			: "");
	probe_advise(p, SYMPTOM_HELD);
}

static bool refused(struct probe *p)
{
	const struct http *h = &p->http;

	if (is_compressed(p))
		return true;
	if (h->status && h->status != 200) {
		doctor_say(p->d, DOCTOR_FAIL, "stream", "%s/stream answers %d",
			   p->base, h->status);
		return true;
	}
	if (h->ended) {
		doctor_say(p->d, DOCTOR_FAIL, "stream",
			   "it ended before the first event%s%s",
			   *h->why || *p->closed ? ": " : "",
			   *p->closed ? p->closed : h->why);
		probe_advise(p, SYMPTOM_DOWN);
		return true;
	}
	return false;
}

static void say_open(struct probe *p)
{
	if (!p->poll) {
		doctor_say(p->d, DOCTOR_OK, "stream",
			   "first event after %" PRId64 " ms",
			   probe_ms(p->http.sent_ns, p->http.body_ns));
	} else if (p->via == VIA_ACCOUNT) {
		doctor_say(p->d, DOCTOR_OK, "stream",
			   "poll mode, which is right here: in slices, each of "
			   "which ends with its first events");
	} else {
		doctor_say(p->d, DOCTOR_WARN, "stream",
			   "poll mode: in slices, each of which ends with its "
			   "first events");
		probe_advise(p, SYMPTOM_POLL);
	}
}

static bool wait_for_greeting(struct probe *p, struct http_event *out)
{
	return probe_event(p, "connected", clock_mono_ns() + PROBE_WAIT_NS,
			   out);
}

static bool check_open(struct probe *p)
{
	struct err err = {ERR_OK, ""};
	struct http_event event;
	bool came;

	if (probe_stream(p, &err) < 0) {
		doctor_say(p->d, DOCTOR_FAIL, "stream", "%s", err.message);
		return false;
	}
	came = wait_for_greeting(p, &event);
	probe_look(p);
	if (!came && refused(p))
		return false;
	/* A slice of poll mode ends, and comes, with the first event. */
	if (!came && p->token_id && probe_notify(p, "open", &err) == 0)
		came = wait_for_greeting(p, &event);
	if (!came) {
		explain_silence(p);
		return false;
	}
	if (!read_greeting(p, event.data)) {
		doctor_say(p->d, DOCTOR_FAIL, "stream",
			   "it is of another database than %s",
			   p->d->real_path ? p->d->real_path : "expected");
		return false;
	}
	say_open(p);
	return true;
}

/* ---- an event now ---- */

/* In poll mode it may take a slice or two. */
static bool arrives(struct probe *p, const char *title)
{
	int64_t deadline = clock_mono_ns() + PROBE_WAIT_NS;
	struct http_event event;

	for (int slice = 0; slice < SLICES; slice++) {
		while (probe_event(p, "notification", deadline, &event))
			if (memmem(event.data.data, event.data.len, title,
				   strlen(title)))
				return true;
		if (!p->poll || !p->http.ended || probe_stream(p, NULL) < 0)
			break;
	}
	return false;
}

static bool check_event(struct probe *p)
{
	struct err err = {ERR_OK, ""};
	int64_t begin, took;

	if (!p->token_id) {
		doctor_say(p->d, DOCTOR_SKIP, "event",
			   "needs the database, to write one");
		return true;
	}
	begin = clock_mono_ns();
	if (probe_notify(p, "belfry doctor", &err) < 0) {
		doctor_say(p->d, DOCTOR_FAIL, "event", "%s", err.message);
		return false;
	}
	if (arrives(p, "belfry doctor")) {
		took = probe_ms(begin, p->http.last_ns);
		/* Where every request takes long, that is no fault of this. */
		doctor_say(p->d,
			   took > PROMPT_MS &&
				   took > PROMPT_MS + probe_round_trip_ms(p)
			       ? DOCTOR_WARN
			       : DOCTOR_OK,
			   "event", "arrives %" PRId64 " ms after its commit",
			   took);
		return true;
	}
	if (p->http.ended) {
		doctor_say(p->d, DOCTOR_FAIL, "event",
			   "the stream ended before it came (%s)",
			   *p->closed ? p->closed : "without a word");
		probe_advise(p, SYMPTOM_CUT);
	} else {
		doctor_say(p->d, DOCTOR_FAIL, "event",
			   "the first one came at once, the next one not "
			   "within 5 s: the web server holds it back");
		probe_advise(p, SYMPTOM_HELD);
	}
	return false;
}

void doctor_stream(struct doctor *d)
{
	struct err err = {ERR_OK, ""};
	struct probe p;

	if (probe_open(&p, d, &err) < 0)
		doctor_say(d, DOCTOR_FAIL, "stream", "%s", err.message);
	else if (probe_check_server(&p) && probe_check_credential(&p) &&
		 check_open(&p) && check_event(&p) && probe_check_heartbeat(&p))
		probe_check_hangup(&p);
	probe_close(&p);
}
