/*
 * stream: a client by the rules of EventSource, but one that comes back at
 * once.
 *
 * Its cursor is the id of the last whole event, whatever event that was.  On
 * one history an id may come once only, over all connections: a client that
 * names its cursor rightly is never told anything twice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "text.h"
#include "witness.h"

#define EVENTS 512

void stream_init(struct stream *s, struct witness *w, char *line)
{
	*s = (struct stream){.witness = w, .fd = -1, .era_count = 1};
	s->user = strtok(line, " \n");
	s->secret = strtok(NULL, " \n");
	if (!s->user || !s->secret)
		die("--secrets: expected lines of a user and his secret");
	s->eras = need(calloc(1, sizeof(*s->eras)));
	s->eras[0].base = -1;
}

void stream_fini(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	for (size_t i = 0; i < s->era_count; i++)
		free(s->eras[i].ids);
	free(s->eras);
	free(s->rest);
}

struct era *stream_era(const struct stream *s)
{
	return &s->eras[s->era_count - 1];
}

static void drop(struct stream *s)
{
	if (s->connected)
		s->witness->connected--;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->connected = s->in_body = s->connecting = false;
	s->rest_len = 0;
	s->due_ns = clock_ns() + s->witness->again_ns;
}

void streams_cut(struct witness *w)
{
	for (size_t i = 0; i < w->count; i++)
		drop(&w->streams[i]);
}

/* ---- events ---- */

struct event {
	const char *name, *id, *data;
	size_t name_len, id_len, data_len;
};

static bool is_named(const struct event *e, const char *name)
{
	return e->name_len == strlen(name) &&
	       memcmp(e->name, name, e->name_len) == 0;
}

static bool came_before(const struct era *era, int64_t id)
{
	for (size_t i = era->count; i > 0; i--)
		if (era->ids[i - 1] == id)
			return true;
	return false;
}

static void take_row(struct stream *s, int64_t id)
{
	struct era *era = stream_era(s);

	if (era->count && id <= era->ids[era->count - 1]) {
		if (came_before(era, id))
			s->witness->doubled++;
		else
			s->witness->disordered++;
		return;
	}
	if (era->count == era->cap) {
		era->cap = era->cap ? era->cap * 2 : 64;
		era->ids =
		    need(realloc(era->ids, era->cap * sizeof(*era->ids)));
	}
	era->ids[era->count++] = id;
}

static void begin_era(struct stream *s, int64_t base)
{
	s->witness->resets++;
	s->eras = need(realloc(s->eras, (s->era_count + 1) * sizeof(*s->eras)));
	s->eras[s->era_count++] = (struct era){.base = base};
}

static void take_event(struct stream *s, const struct event *e)
{
	int64_t id = -1;

	if (e->id) {
		if (e->id_len >= sizeof(s->cursor) ||
		    strspn(e->id, "0123456789") != e->id_len) {
			s->witness->malformed++;
			return;
		}
		memcpy(s->cursor, e->id, e->id_len);
		s->cursor[e->id_len] = '\0';
		id = atoll(s->cursor);
	}
	if (is_named(e, "connected")) {
		s->connected = true;
		s->witness->connected++;
		s->witness->connections++;
		if (stream_era(s)->base < 0)
			stream_era(s)->base = id;
	} else if (is_named(e, "reset")) {
		begin_era(s, id);
	} else if (is_named(e, "notification")) {
		take_row(s, id);
	} else if (is_named(e, "close")) {
		s->witness->refused++;
	} else if (!is_named(e, "heartbeat")) {
		s->witness->malformed++;
	}
}

static void take_line(struct witness *w, struct event *e, const char *line,
		      const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	const char *value = colon ? colon + 2 : end;
	size_t len = value < end ? (size_t)(end - value) : 0;

	if (!colon)
		w->malformed++;
	else if (memcmp(line, "event", 5) == 0)
		e->name = value, e->name_len = len;
	else if (memcmp(line, "id", 2) == 0)
		e->id = value, e->id_len = len;
	else if (memcmp(line, "data", 4) == 0)
		e->data = value, e->data_len = len;
	else if (memcmp(line, "retry", 5) != 0)
		w->malformed++;
}

/* Bytes of the events that are all there. */
static size_t scan(struct stream *s, const char *data, size_t len)
{
	const char *line = data, *limit = data + len, *end;
	struct event e = {0};
	size_t used = 0;

	while ((end = memchr(line, '\n', (size_t)(limit - line)))) {
		if (end > line) {
			take_line(s->witness, &e, line, end);
		} else {
			take_event(s, &e);
			memset(&e, 0, sizeof(e));
			used = (size_t)(end + 1 - data);
		}
		line = end + 1;
	}
	return used;
}

/* ---- the connection ---- */

static void open_stream(struct stream *s)
{
	const struct witness *w = s->witness;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(w->port)};
	struct epoll_event event = {.events = EPOLLOUT | EPOLLIN,
				    .data.ptr = s};

	inet_pton(AF_INET, w->address, &to.sin_addr);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		die("socket: %s", strerror(errno));
	if (connect(s->fd, (const void *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS) {
		drop(s);
		return;
	}
	s->connecting = true;
	epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &event);
}

static void send_request(struct stream *s)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
	struct text t = {NULL, 0, 0};

	text_addf(&t,
		  "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		  "Accept: text/event-stream\r\n"
		  "Cookie: belfry_session=%s\r\n",
		  s->witness->path, s->secret);
	if (s->cursor[0])
		text_addf(&t, "Last-Event-ID: %s\r\n", s->cursor);
	text_addf(&t, "\r\n");
	s->connecting = false;
	epoll_ctl(s->witness->epoll, EPOLL_CTL_MOD, s->fd, &event);
	if (send(s->fd, t.data, t.len, MSG_NOSIGNAL) < 0)
		drop(s);
	text_fini(&t);
}

static void keep_rest(struct stream *s, const char *data, size_t len)
{
	s->rest_len = len;
	if (!len)
		return;
	s->rest = need(realloc(s->rest, len));
	memcpy(s->rest, data, len);
}

/* Bytes of the head; 0: it is not all there, -1: no stream comes of it. */
static ssize_t take_head(struct stream *s, const char *data, size_t len)
{
	ssize_t n = http_head(&s->http, data, len);

	if (n == 0) {
		keep_rest(s, data, len);
		return 0;
	}
	if (n < 0 || s->http.status != 200) {
		s->witness->refused++;
		return -1;
	}
	s->in_body = true;
	s->rest_len = 0;
	return n;
}

static void read_stream(struct stream *s)
{
	char *data = s->witness->scratch;
	size_t before = s->rest_len, used;
	ssize_t head = 0, n;

	if (before >= WITNESS_READ)
		die("an event of more than %zu bytes", WITNESS_READ);
	memcpy(data, s->rest ? s->rest : "", before);
	n = recv(s->fd, data + before, WITNESS_READ - before, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(s);
		return;
	}
	if (!s->in_body) {
		head = take_head(s, data, before + (size_t)n);
		if (head <= 0) {
			if (head < 0)
				drop(s);
			return;
		}
		n += (ssize_t)before - head;
		data += head;
		before = 0;
	}
	n = http_decode(&s->http, data + before, (size_t)n);
	if (n < 0) {
		s->witness->malformed++;
		drop(s);
		return;
	}
	used = scan(s, data, before + (size_t)n);
	keep_rest(s, data + used, before + (size_t)n - used);
	if (s->http.body == HTTP_DONE)
		drop(s);
}

static void stream_event(struct stream *s, uint32_t events)
{
	if (s->fd < 0)
		return;
	if (s->connecting && (events & (EPOLLERR | EPOLLHUP)))
		drop(s);
	else if (s->connecting)
		send_request(s);
	else
		read_stream(s);
}

void streams_turn(struct witness *w, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int64_t now = clock_ns();
	int n;

	for (size_t i = 0; i < w->count; i++) {
		if (w->streams[i].fd >= 0)
			continue;
		if (w->streams[i].due_ns <= now)
			open_stream(&w->streams[i]);
		else if (timeout_ms > 5)
			timeout_ms = 5;
	}
	n = epoll_wait(w->epoll, events, EVENTS, timeout_ms);
	for (int i = 0; i < n; i++)
		stream_event(events[i].data.ptr, events[i].events);
}
