/*
 * probe: all that a run writes belongs to a user of its own, and expires after
 * a quarter of an hour if the run is killed.  A few rows of the journal stay;
 * no other client sees them.
 */
#include "tool/doctor/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/auth.h"
#include "config/config.h"
#include "inbox/notification.h"
#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/json.h"
#include "tool/internal.h"

#define LIFE_MS	      (INT64_C(15) * 60 * 1000)
#define HEADERS_BYTES 512
#define SCOPES	      (SCOPE_READ | SCOPE_ADMIN)

/* The site's URL, the API's, or that of its stream: all are understood. */
static int set_base(struct probe *p, struct err *err)
{
	const char *url = p->d->url, *base = p->d->cmd->config->base_path;
	const char *path = strchr(strstr(url, "://") + 3, '/');
	size_t site = path ? (size_t)(path - url) : strlen(url);

	if (path && *path && strcmp(path, "/") != 0 &&
	    strncmp(path, base, strlen(base)) != 0)
		return err_set(err, ERR_USAGE,
			       "%s: expected the address of the site, or its "
			       "%s (base_path)",
			       url, base);
	if (snprintf(p->base, sizeof(p->base), "%.*s%s", (int)site, url, base) >
	    PROBE_URL_BYTES / 2)
		return err_set(err, ERR_USAGE, "expected a shorter URL");
	return 0;
}

int probe_open(struct probe *p, struct doctor *d, struct err *err)
{
	uint64_t dice;

	memset(p, 0, sizeof(*p));
	p->d = d;
	if (set_base(p, err) < 0)
		return -1;
	if (d->token || d->session)
		return 0;
	if (!d->cmd->db)
		return err_set(err, ERR_NOT_FOUND,
			       "expected a database in which a temporary token "
			       "can be made (--db), or --token or --session");
	crypto_random(&dice, sizeof(dice));
	snprintf(p->user, sizeof(p->user), "belfry-doctor-%016llx",
		 (unsigned long long)dice);
	return auth_create(d->cmd->db, AUTH_TOKENS, span_of(p->user), SCOPES,
			   LIFE_MS, p->secret, &p->token_id, err);
}

int probe_revoke(struct probe *p, struct err *err)
{
	struct db_stmt *stmt;

	if (!p->token_id)
		return 0;
	if (db_query(p->d->cmd->db, DB_TOOL_DELETE_TOKEN, &stmt, err) < 0)
		return -1;
	db_bind_int(stmt, ":id", p->token_id);
	if (db_run(stmt, err) < 0)
		return -1;
	p->token_id = 0;
	return 0;
}

void probe_close(struct probe *p)
{
	struct err err = {ERR_OK, ""};
	struct db_stmt *stmt;
	int result;

	http_stop(&p->http);
	if (!*p->user)
		return;
	result = probe_revoke(p, &err);
	if (result == 0)
		result = db_query(p->d->cmd->db, DB_DOCTOR_DELETE_NOTIFICATIONS,
				  &stmt, &err);
	if (result == 0) {
		db_bind_text(stmt, ":user", span_of(p->user));
		result = db_run(stmt, &err);
	}
	if (result < 0)
		doctor_say(p->d, DOCTOR_WARN, "cleaning up",
			   "%s; what is left of %s expires by itself",
			   err.message, p->user);
}

/* ---- requests ---- */

static void put_headers(const struct probe *p, bool stream,
			char out[static HEADERS_BYTES])
{
	const struct doctor *d = p->d;
	const char *cookie = d->cmd->config->session_cookie;
	const char *accept =
	    stream ? "Accept: text/event-stream\nAccept-Encoding: gzip\n" : "";

	if (!cookie)
		cookie = strncmp(d->url, "https:", 6) == 0
			     ? "__Host-belfry_session"
			     : "belfry_session";
	if (d->session)
		snprintf(out, HEADERS_BYTES, "%sCookie: %s=%s\n", accept,
			 cookie, d->session);
	else if (p->by_ticket)
		snprintf(out, HEADERS_BYTES, "%s", accept);
	else
		snprintf(out, HEADERS_BYTES, "%sAuthorization: Bearer %s\n",
			 accept, d->token ? d->token : p->secret);
}

static int put_ticket(struct probe *p, char *url, size_t size, struct err *err)
{
	const struct identity me = {.credential = CREDENTIAL_TOKEN,
				    .id = p->token_id,
				    .user = p->user,
				    .user_len = strlen(p->user),
				    .scopes = SCOPES};
	char secret[64];
	int64_t expires_at;
	size_t n = strlen(url);

	if (!p->by_ticket)
		return 0;
	if (auth_create_ticket(p->d->cmd->db, &me, secret, &expires_at, err) <
	    0)
		return -1;
	snprintf(url + n, size - n, "%cticket=%s", strchr(url, '?') ? '&' : '?',
		 secret);
	return 0;
}

static int start(struct probe *p, const char *path, bool stream,
		 struct http *out, struct err *err)
{
	char url[PROBE_URL_BYTES], headers[HEADERS_BYTES];

	memset(out, 0, sizeof(*out));
	snprintf(url, sizeof(url), "%s%s", p->base, path);
	if (put_ticket(p, url, sizeof(url), err) < 0)
		return -1;
	put_headers(p, stream, headers);
	return http_start(out, url, headers, p->d->insecure, err);
}

int probe_get(struct probe *p, const char *path, struct http *out)
{
	int64_t deadline = clock_mono_ns() + 2 * PROBE_WAIT_NS;
	struct err err = {ERR_OK, ""};

	if (start(p, path, false, out, &err) < 0) {
		snprintf(out->why, sizeof(out->why), "%.*s",
			 (int)sizeof(out->why) - 1, err.message);
		return 0;
	}
	while (!out->ended && http_wait(out, deadline))
		;
	if (!out->ended && !*out->why)
		snprintf(out->why, sizeof(out->why),
			 "no answer within 10 seconds");
	return out->status;
}

int probe_stream(struct probe *p, struct err *err)
{
	char path[64];

	http_stop(&p->http);
	p->at = 0;
	*p->closed = '\0';
	snprintf(path, sizeof(path), "/stream%s%s",
		 *p->cursor ? "?lastEventId=" : "", p->cursor);
	return start(p, path, true, &p->http, err);
}

static void note_close(struct probe *p, struct span data)
{
	struct json *root = NULL;
	struct span reason;

	snprintf(p->closed, sizeof(p->closed), "close");
	if (json_parse(data, &root, NULL) < 0)
		return;
	reason = json_string(json_get(root, "reason", NULL));
	if (reason.len)
		snprintf(p->closed, sizeof(p->closed), "%.*s", (int)reason.len,
			 reason.data);
	json_free(root);
}

static bool next_event(struct probe *p, const char *name, int64_t deadline_ns,
		       struct http_event *out)
{
	for (;;) {
		while (http_next_event(&p->http, &p->at, out)) {
			if (out->id.len)
				snprintf(p->cursor, sizeof(p->cursor), "%.*s",
					 (int)out->id.len, out->id.data);
			if (span_equal_text(out->name, "close"))
				note_close(p, out->data);
			if (span_equal_text(out->name, name))
				return true;
		}
		/* What is compressed can't be read. */
		if (p->http.ended || *p->http.encoding ||
		    !http_wait(&p->http, deadline_ns))
			return false;
	}
}

int64_t probe_round_trip_ms(struct probe *p)
{
	int64_t begin = clock_mono_ns();
	struct http h;

	probe_get(p, "/healthz", &h);
	http_stop(&h);
	return probe_ms(begin, clock_mono_ns());
}

bool probe_event(struct probe *p, const char *name, int64_t deadline_ns,
		 struct http_event *out)
{
	if (next_event(p, name, deadline_ns, out))
		return true;
	if (p->http.ended || *p->http.encoding)
		return false;
	probe_round_trip_ms(p);
	return next_event(p, name, clock_mono_ns(), out);
}

int probe_notify(struct probe *p, const char *title, struct err *err)
{
	const struct notification_input in = {
	    .has = NOTIFICATION_HAS_USER | NOTIFICATION_HAS_TITLE |
		   NOTIFICATION_HAS_EXPIRES,
	    .user_id = span_of(p->user),
	    .title = span_of(title),
	    .expires_at = clock_wall_ms() + LIFE_MS,
	};
	struct db *db = p->d->cmd->db;
	int64_t id;
	bool created;

	if (db_begin_write(db, err) < 0)
		return -1;
	if (store_create(db, &in, clock_wall_ms(), &id, &created, err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

void probe_look(struct probe *p)
{
	enum doctor_via via = VIA_UNKNOWN;

	if (p->d->real_path)
		doctor_find_responder(p->d->real_path, &via);
	if (via != VIA_UNKNOWN)
		p->via = via;
	if (p->via != VIA_SERVICE &&
	    strncasecmp(p->server, "Apache", strlen("Apache")) == 0 &&
	    doctor_is_account())
		p->via = VIA_ACCOUNT;
}

void probe_advise(struct probe *p, enum doctor_symptom symptom)
{
	probe_look(p);
	doctor_advise(p->d, symptom, p->server, p->via);
}

int64_t probe_ms(int64_t from_ns, int64_t to_ns)
{
	return (to_ns - from_ns) / INT64_C(1000000);
}
