/*
 * sessions: the host application's sessions that stream, looked at again
 * twice per heartbeat, so that what is over is noticed within one.
 *
 * Who looked last time knows until when each is good while their database's
 * file does not change; so most of the time nothing is asked at all, and the
 * application never meets us at its locks.
 */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "api/api.h"
#include "config/config.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "server/internal.h"
#include "stream/hub.h"

#define NS_PER_MS INT64_C(1000000)

/* By secret and user: a session may have changed hands while streams of both
 * are there, and it is the former one's that has to be found over. */
struct known {
	UT_hash_handle hh;
	char *key; /* the secret, NUL, the user */
	const char *secret, *user;
	int64_t good_until_ms;
	bool streams; /* still */
};

struct sessions {
	struct server *server;
	struct loop_timer timer;
	struct job job;
	struct loop_mail mail;
	bool looking; /* a worker has it */
	struct known *known;
	struct auth_host_file file;
	struct auth_host_look *looks;
	size_t count;
};

static void forget(struct sessions *s, struct known *k)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the first has no prev */
	HASH_DEL(s->known, k);
	free(k->key);
	free(k);
}

static char *make_key(struct span secret, struct span user, size_t *len)
{
	char *key = mem_new(secret.len + 1 + user.len + 1);

	memcpy(key, secret.data, secret.len);
	memcpy(key + secret.len + 1, user.data, user.len);
	*len = secret.len + 1 + user.len;
	return key;
}

/* ---- in a worker ---- */

static void look_done(struct loop_mail *mail);

static void look_run(struct job *job, struct api *api)
{
	struct sessions *s = CONTAINER_OF(job, struct sessions, job);
	struct err err = {ERR_OK, ""};

	/* Nobody is signed out by a lock. */
	if (api_host_look(api, &s->file, s->looks, s->count, &err) < 0 &&
	    err.code != ERR_BUSY)
		log_warn("session-query", "code=%s detail=\"%s\"",
			 err_name(err.code), err.message);
	s->mail.deliver = look_done;
	loop_post(s->server->loop, &s->mail);
}

/* ---- in the loop ---- */

static void look_done(struct loop_mail *mail)
{
	struct sessions *s = CONTAINER_OF(mail, struct sessions, mail);

	s->looking = false;
	for (size_t i = 0; i < s->count; i++) {
		const struct auth_host_look *look = &s->looks[i];
		struct known *k = look->of;

		k->good_until_ms = look->good_until_ms;
		if (!look->over)
			continue;
		hub_end_host_session(s->server->hub, span_of(k->secret),
				     span_of(k->user));
		forget(s, k);
	}
}

static void note(void *context, struct span secret, struct span user)
{
	struct sessions *s = context;
	struct known *k;
	size_t len;
	char *key = make_key(secret, user, &len);

	HASH_FIND(hh, s->known, key, len, k);
	if (k) {
		free(key);
	} else {
		k = mem_new(sizeof(*k));
		k->key = key;
		k->secret = key;
		k->user = key + secret.len + 1;
		HASH_ADD_KEYPTR(hh, s->known, k->key, len, k);
	}
	k->streams = true;
}

static void look_again(struct loop_timer *timer)
{
	struct sessions *s = CONTAINER_OF(timer, struct sessions, timer);
	struct server *server = s->server;
	struct known *k, *next;

	loop_timer_set(server->loop, timer,
		       loop_now_ns(server->loop) +
			   server->config->heartbeat_ms * NS_PER_MS / 2);
	if (s->looking)
		return;
	HASH_ITER (hh, s->known, k, next)
		k->streams = false;
	hub_each_host_session(server->hub, note, s);
	s->count = 0;
	HASH_ITER (hh, s->known, k, next) {
		if (!k->streams) {
			forget(s, k);
			continue;
		}
		s->looks = mem_grow(s->looks, s->count + 1, sizeof(*s->looks));
		s->looks[s->count++] = (struct auth_host_look){
		    k->secret, k->user, k->good_until_ms, false, k};
	}
	if (!s->count)
		return;
	s->looking = true;
	workers_submit(server->workers, &s->job);
}

void sessions_start(struct server *server)
{
	struct sessions *s;

	if (!server->config->session_query)
		return;
	s = mem_new(sizeof(*s));
	s->server = server;
	s->job.run = look_run;
	s->timer.fire = look_again;
	server->sessions = s;
	loop_timer_set(server->loop, &s->timer,
		       loop_now_ns(server->loop) +
			   server->config->heartbeat_ms * NS_PER_MS / 2);
}

bool sessions_busy(const struct server *server)
{
	return server->sessions && server->sessions->looking;
}

void sessions_stop(struct server *server)
{
	if (server->sessions)
		loop_timer_stop(server->loop, &server->sessions->timer);
}

void sessions_free(struct server *server)
{
	struct sessions *s = server->sessions;
	struct known *k, *next;

	if (!s)
		return;
	sessions_stop(server);
	HASH_ITER (hh, s->known, k, next)
		forget(s, k);
	free(s->looks);
	free(s);
}
