/*
 * stream: does an event arrive now, or with the end of the response?
 *
 * Each step of a run through the web server needs the one before, so the first
 * that fails ends it.
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

/* ---- the stream ---- */

static bool read_greeting(const struct http_event *event,
			  struct probe_greeting *out)
{
	struct json *root = NULL;
	struct span epoch;

	if (json_parse(event->data, &root, NULL) < 0)
		return false;
	epoch = json_string(json_get(root, "epoch", NULL));
	snprintf(out->epoch, sizeof(out->epoch), "%.*s", (int)epoch.len,
		 epoch.data ? epoch.data : "");
	out->heartbeat_ms = json_int(json_get(root, "heartbeatMs", NULL));
	out->poll = json_type(json_get(root, "poll", NULL)) == JSON_BOOL &&
		    json_bool(json_get(root, "poll", NULL));
	json_free(root);
	return true;
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

/* Nothing has come.  Does it, when the stream ends?  Then it was held back. */
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

static bool is_other_database(struct probe *p,
			      const struct probe_greeting *greeting)
{
	char epoch[64] = "";
	struct db_stmt *row;

	if (!p->token_id || !*greeting->epoch ||
	    db_query(p->d->cmd->db, DB_META_GET, &row, NULL) < 0)
		return false;
	db_bind_text(row, ":key", SPAN("epoch"));
	if (db_step(row, NULL) > 0)
		snprintf(epoch, sizeof(epoch), "%.*s", (int)db_text(row, 0).len,
			 db_text(row, 0).data);
	db_reset(row);
	return strcmp(epoch, greeting->epoch) != 0;
}

static bool check_open(struct probe *p, struct probe_greeting *greeting)
{
	struct err err = {ERR_OK, ""};
	struct http_event event;
	bool came;

	if (probe_stream(p, &err) < 0) {
		doctor_say(p->d, DOCTOR_FAIL, "stream", "%s", err.message);
		return false;
	}
	came = probe_event(p, "connected", clock_mono_ns() + PROBE_WAIT_NS,
			   &event);
	probe_look(p);
	if (!came && !refused(p)) {
		/* A slice of poll mode ends, and comes, with the first. */
		if (p->token_id && probe_notify(p, "open", &err) == 0)
			came = probe_event(p, "connected",
					   clock_mono_ns() + PROBE_WAIT_NS,
					   &event);
		if (!came)
			explain_silence(p);
	}
	if (!came)
		return false;
	if (!read_greeting(&event, greeting) ||
	    is_other_database(p, greeting)) {
		doctor_say(p->d, DOCTOR_FAIL, "stream",
			   "it is of another database than %s",
			   p->d->real_path ? p->d->real_path : "expected");
		return false;
	}
	if (greeting->poll && p->via == VIA_ACCOUNT) {
		doctor_say(p->d, DOCTOR_OK, "stream",
			   "poll mode, which is right here: in slices, each of "
			   "which ends with its first events");
	} else if (greeting->poll) {
		doctor_say(p->d, DOCTOR_WARN, "stream",
			   "poll mode: in slices, each of which ends with its "
			   "first events");
		probe_advise(p, SYMPTOM_POLL);
	} else {
		doctor_say(p->d, DOCTOR_OK, "stream",
			   "first event after %" PRId64 " ms",
			   probe_ms(p->http.sent_ns, p->http.body_ns));
	}
	return true;
}

/* ---- an event now ---- */

static bool event_has(const struct http_event *event, const char *text)
{
	return memmem(event->data.data, event->data.len, text, strlen(text)) !=
	       NULL;
}

/* In poll mode it may take a slice or two. */
static bool arrives(struct probe *p, const char *title, bool poll)
{
	int64_t deadline = clock_mono_ns() + PROBE_WAIT_NS;
	struct http_event event;

	do {
		while (probe_event(p, "notification", deadline, &event))
			if (event_has(&event, title))
				return true;
	} while (poll && p->http.ended && clock_mono_ns() < deadline &&
		 probe_stream(p, NULL) == 0);
	return false;
}

static bool check_event(struct probe *p, const struct probe_greeting *greeting)
{
	struct err err = {ERR_OK, ""};
	int64_t begin;
	bool came;

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
	came = arrives(p, "belfry doctor", greeting->poll);
	if (came) {
		int64_t took = probe_ms(begin, p->http.last_ns);

		doctor_say(p->d, took > PROMPT_MS ? DOCTOR_WARN : DOCTOR_OK,
			   "event", "arrives %" PRId64 " ms after its commit",
			   took);
	} else if (p->http.ended) {
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
	return came;
}

void doctor_stream(struct doctor *d)
{
	struct probe_greeting greeting = {.heartbeat_ms = 0};
	struct err err = {ERR_OK, ""};
	struct probe p;

	if (probe_open(&p, d, &err) < 0)
		doctor_say(d, DOCTOR_FAIL, "stream", "%s", err.message);
	else if (probe_check_server(&p) && probe_check_credential(&p) &&
		 check_open(&p, &greeting) && check_event(&p, &greeting) &&
		 probe_check_heartbeat(&p, &greeting))
		probe_check_hangup(&p, &greeting);
	probe_close(&p);
}
