/*
 * publish_post: POSTs over keep-alive connections, one request at a time on
 * each, a message or a batch of them in it.
 *
 * A connection that the server closes between two requests is opened again;
 * one that it closes before its answer has its messages sent again, which may
 * double them (`again` counts that).
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "http.h"
#include "options.h"
#include "publisher.h"

#define ANSWER_MAX (1024 * 1024)
#define TRIES	   50

struct connection {
	int fd;
	bool busy, head_read;
	uint64_t n, count; /* messages of the request on the way */
	unsigned tries;
	struct http http;
	struct text request;
	char head[4096]; /* of an answer that came in parts */
	size_t head_len;
};

struct poster {
	struct publisher *p;
	int epoll, timer;
	struct connection *connections;
	uint64_t next; /* message to be sent */
	char *scratch;
};

static void open_connection(struct poster *o, struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	const int one = 1;

	/* Blocking: on this machine a connect is done at once, and a request
	 * fits into the socket's buffer. */
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (const void *)&o->p->options->post_server,
		    sizeof(o->p->options->post_server)) < 0)
		die("publisher: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(o->epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void close_connection(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void add_body(struct poster *o, struct text *body, uint64_t n)
{
	char name[24], number[24];
	struct text_values values = {
	    .user = publisher_user(o->p, n, name),
	    .number = number,
	    .payload = publisher_payload(o->p, n),
	};

	snprintf(number, sizeof(number), "%" PRIu64, n);
	text_expand(body, o->p->options->post_body, &values);
}

static void make_request(struct poster *o, struct connection *c)
{
	const struct options *options = o->p->options;
	struct text *body = &o->p->scratch;
	char name[24];
	struct text_values values = {
	    .user = publisher_user(o->p, c->n, name),
	};

	text_reset(body);
	if (options->batch > 1)
		text_add(body, "[", 1);
	for (uint64_t i = 0; i < c->count; i++) {
		if (i)
			text_add(body, ",", 1);
		add_body(o, body, c->n + i);
	}
	if (options->batch > 1)
		text_add(body, "]", 1);
	text_reset(&c->request);
	text_addf(&c->request, "POST ");
	text_expand(&c->request, options->post_path, &values);
	text_addf(&c->request, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
	for (unsigned i = 0; i < options->post_headers.n; i++)
		text_addf(&c->request, "%s\r\n",
			  options->post_headers.items[i]);
	text_addf(&c->request, "Content-Length: %zu\r\n\r\n", body->len);
	text_add(&c->request, body->data, body->len);
}

static bool write_request(struct connection *c)
{
	size_t at = 0;

	while (at < c->request.len) {
		ssize_t n = send(c->fd, c->request.data + at,
				 c->request.len - at, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* Opens the connection first where there is none. */
static void send_request(struct poster *o, struct connection *c)
{
	do {
		if (c->tries++ > TRIES)
			die("publisher: the server closes every connection");
		if (c->fd < 0)
			open_connection(o, c);
		if (!write_request(c))
			close_connection(c);
	} while (c->fd < 0);
	c->busy = true;
	c->head_read = false;
	c->head_len = 0;
}

static void finish(struct poster *o, struct connection *c)
{
	char what[64];

	if (c->http.status >= 200 && c->http.status < 300) {
		publisher_answered(o->p, c->n, c->count);
	} else {
		snprintf(what, sizeof(what), "answered with status %d",
			 c->http.status);
		publisher_failed(o->p, c->count, what);
	}
	c->busy = false;
	if (c->http.close)
		close_connection(c);
}

static void lost(struct poster *o, struct connection *c)
{
	close_connection(c);
	if (!c->busy)
		return;
	if (c->head_read && c->http.body == HTTP_UNTIL_CLOSE) {
		finish(o, c);
		return;
	}
	o->p->again += c->count;
	send_request(o, c);
}

/* Bytes of the head that is in c->head now; 0: not all there. */
static size_t take_head(struct connection *c, const char *data, size_t len)
{
	size_t n = sizeof(c->head) - c->head_len, before = c->head_len;
	ssize_t taken;

	n = n < len ? n : len;
	memcpy(c->head + c->head_len, data, n);
	c->head_len += n;
	taken = http_head(&c->http, c->head, c->head_len);
	if (taken < 0 || (taken == 0 && c->head_len == sizeof(c->head)))
		die("publisher: this answer is not HTTP: %.40s", c->head);
	return taken ? (size_t)taken - before : 0;
}

static void answer_comes(struct poster *o, struct connection *c)
{
	ssize_t n = recv(c->fd, o->scratch, ANSWER_MAX, 0);
	size_t at = 0;

	if (n <= 0) {
		lost(o, c);
		return;
	}
	if (!c->busy)
		return;
	if (!c->head_read) {
		at = take_head(c, o->scratch, (size_t)n);
		if (at == 0)
			return;
		c->head_read = true;
	}
	if (http_decode(&c->http, o->scratch + at, (size_t)n - at) < 0)
		die("publisher: an answer's body is malformed");
	if (c->http.body == HTTP_DONE)
		finish(o, c);
}

static void arm(struct poster *o, int64_t due_ns)
{
	struct itimerspec when = {
	    .it_value = {due_ns / 1000000000, due_ns % 1000000000}};

	timerfd_settime(o->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Sends what is due as far as there are idle connections; true: there are
 * requests on the way, or to come. */
static bool send_due(struct poster *o)
{
	struct publisher *p = o->p;
	bool busy = false;

	for (unsigned i = 0; i < p->options->connections; i++) {
		struct connection *c = &o->connections[i];
		int64_t now = clock_ns(), due = publisher_due_ns(p, o->next);

		if (!c->busy && o->next < p->end) {
			if (due > now) {
				arm(o, due);
				return true;
			}
			if (due && now - due > p->late_ns)
				p->late_ns = now - due;
			c->n = o->next;
			c->count = p->end - o->next < p->options->batch
				       ? p->end - o->next
				       : p->options->batch;
			o->next += c->count;
			c->tries = 0;
			make_request(o, c);
			send_request(o, c);
		}
		busy = busy || c->busy;
	}
	return busy;
}

static void turn(struct poster *o)
{
	struct epoll_event events[64];
	uint64_t ticks;
	int n = epoll_wait(o->epoll, events, 64, 1000);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			answer_comes(o, events[i].data.ptr);
		else if (read(o->timer, &ticks, sizeof(ticks)) < 0)
			continue;
	}
}

void publish_post(struct publisher *p)
{
	struct poster o = {.p = p, .next = p->first};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	unsigned n = p->options->connections;

	o.epoll = epoll_create1(EPOLL_CLOEXEC);
	o.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	epoll_ctl(o.epoll, EPOLL_CTL_ADD, o.timer, &event);
	o.scratch = need(malloc(ANSWER_MAX));
	o.connections = need(calloc(n, sizeof(*o.connections)));
	for (unsigned i = 0; i < n; i++)
		open_connection(&o, &o.connections[i]);
	p->started_ns = clock_ns();
	while (!atomic_load(&p->stop) && send_due(&o))
		turn(&o);
	for (unsigned i = 0; i < n; i++) {
		close_connection(&o.connections[i]);
		text_fini(&o.connections[i].request);
	}
	free(o.connections);
	free(o.scratch);
	close(o.timer);
	close(o.epoll);
}
