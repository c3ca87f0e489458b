/*
 * reach: does the URL lead to Belfry, and does the credential arrive there?
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/doctor/probe.h"

/* ---- is it there? ---- */

static void say_version(struct doctor *d, const char *version)
{
	if (strncmp(version, "HTTP/1", 6) != 0)
		doctor_say(d, DOCTOR_OK, "HTTP version", "%s", version);
	else
		doctor_say(d, DOCTOR_WARN, "HTTP version",
			   "%s: a browser opens six connections to a site, and "
			   "each stream takes one; HTTP/2 comes with TLS",
			   version);
}

static bool answers(struct probe *p, struct http *h, int status)
{
	struct span body = http_body(h);

	snprintf(p->server, sizeof(p->server), "%s", h->server);
	if (status == 200 && memmem(body.data, body.len, "\"status\"", 8)) {
		doctor_say(p->d, DOCTOR_OK, "web server",
			   "%s; %s/healthz answers after %" PRId64 " ms",
			   *h->server ? h->server : "no Server header", p->base,
			   probe_ms(h->sent_ns, h->last_ns));
		say_version(p->d, h->version);
		return true;
	}
	if (!status)
		doctor_say(p->d, DOCTOR_FAIL, "web server", "%s: %s", p->base,
			   *h->why ? h->why : "no answer");
	else if (status >= 300 && status < 400)
		doctor_say(p->d, DOCTOR_FAIL, "web server",
			   "%s/healthz leads elsewhere (%d): give the URL that "
			   "it leads to",
			   p->base, status);
	else
		doctor_say(p->d, DOCTOR_FAIL, "web server",
			   "%s/healthz answers %d, and not as Belfry does",
			   p->base, status);
	if (status >= 500)
		probe_advise(p, SYMPTOM_DOWN);
	else if (status >= 400 || status == 200)
		probe_advise(p, SYMPTOM_UNMAPPED);
	return false;
}

bool probe_check_server(struct probe *p)
{
	struct http h;
	int status = probe_get(p, "/healthz", &h);
	bool good = answers(p, &h, status);

	http_stop(&h);
	return good;
}

/* ---- does the credential arrive? ---- */

static int ask(struct probe *p)
{
	struct http h;
	int status = probe_get(p, "/unread-count", &h);

	http_stop(&h);
	return status;
}

bool probe_check_credential(struct probe *p)
{
	const char *check = p->d->session ? "session" : "Authorization";
	int status = ask(p);

	if (status == 200) {
		doctor_say(p->d, DOCTOR_OK, check, "arrives");
		return true;
	}
	if (status != 401) {
		doctor_say(p->d, DOCTOR_FAIL, check,
			   "%s/unread-count answers %d%s", p->base, status,
			   status == 503 ? ": the responder can't use its "
					   "database; its log says why"
					 : "");
		return false;
	}
	if (!p->token_id) {
		doctor_say(p->d, DOCTOR_FAIL, check,
			   "it is refused (401): not a good one, or it does "
			   "not arrive");
		if (p->d->token)
			probe_advise(p, SYMPTOM_NO_AUTHORIZATION);
		return false;
	}
	p->by_ticket = true;
	if (ask(p) == 200) {
		doctor_say(p->d, DOCTOR_FAIL, check,
			   "the web server keeps the header from Belfry");
		probe_advise(p, SYMPTOM_NO_AUTHORIZATION);
		return true;
	}
	doctor_say(p->d, DOCTOR_FAIL, check,
		   "a token that was made in %s is not known there: that "
		   "responder has another database",
		   p->d->real_path);
	return false;
}
