/*
 * client: one stream, from connect to the last event.
 *
 * A read goes behind what was left of the read before, is decoded in place,
 * and scanned for whole events; what is left is kept, which at an ordinary pace
 * is nothing.  So an idle client costs its struct and a descriptor.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "sse.h"

#define REFUSED_AGAIN_MS 250
#define DEFAULT_RETRY_MS 3000

void client_init(struct client *c, struct load *load, unsigned index)
{
	const struct options *o = load->options;
	uint64_t total = load->publisher.total;

	memset(c, 0, sizeof(*c));
	c->load = load;
	c->fd = -1;
	c->index = index;
	c->cursor_number = -1;
	c->retry_ms = DEFAULT_RETRY_MS;
	if (o->everyone)
		tally_init(&c->tally, 0, 1, total);
	else
		tally_init(&c->tally, index % o->users, o->users, total);
}

void client_fini(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->rest);
	tally_fini(&c->tally);
}

/* ---- opening ---- */

static void send_request(struct client *c)
{
	const struct options *o = c->load->options;
	char name[24];
	struct text_values values = {.user = name};
	struct text request = {NULL, 0, 0};
	unsigned user = c->index % o->users;
	ssize_t n;

	options_user(o, user, name);
	if (o->secrets)
		values.secret = o->secrets[user];
	text_addf(&request, "GET ");
	text_expand(&request, o->path, &values);
	text_addf(&request, " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			    "Accept: text/event-stream\r\n");
	for (unsigned i = 0; i < o->headers.n; i++) {
		text_expand(&request, o->headers.items[i], &values);
		text_addf(&request, "\r\n");
	}
	if (c->cursor[0])
		text_addf(&request, "Last-Event-ID: %s\r\n", c->cursor);
	text_addf(&request, "\r\n");
	n = send(c->fd, request.data, request.len, MSG_NOSIGNAL);
	text_fini(&request);
	if (n < 0)
		client_drop(c, REFUSED_AGAIN_MS);
	else
		c->state = CLIENT_HEAD;
}

static void watch(struct client *c, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};

	epoll_ctl(c->load->epoll, operation, c->fd, &event);
}

void client_open(struct client *c)
{
	const struct options *o = c->load->options;
	struct sockaddr_in source = {.sin_family = AF_INET};
	const int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	source.sin_addr.s_addr =
	    htonl(INADDR_LOOPBACK + 1 + c->index % o->sources);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
		   sizeof(one));
	if (bind(c->fd, (const void *)&source, sizeof(source)) < 0)
		die("bind: %s", strerror(errno));
	c->load->opening++;
	c->opened_ns = clock_ns();
	c->state = CLIENT_CONNECTING;
	c->rest_len = 0;
	if (connect(c->fd, (const void *)&o->server, sizeof(o->server)) < 0 &&
	    errno != EINPROGRESS) {
		client_drop(c, REFUSED_AGAIN_MS);
		return;
	}
	watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void client_drop(struct client *c, int64_t again_after_ms)
{
	struct load *load = c->load;

	if (c->ready) {
		load->ready--;
		c->down_ns = clock_ns();
	} else if (c->fd >= 0) {
		load->opening--;
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->ready = false;
	if (c->state == CLIENT_WAITING)
		load->waiting--;
	c->state = CLIENT_CLOSED;
	if (again_after_ms >= 0) {
		c->state = CLIENT_WAITING;
		c->due_ns = clock_ns() + again_after_ms * 1000000;
		load->waiting++;
	}
}

static void become_ready(struct client *c)
{
	struct load *load = c->load;

	if (c->ready)
		return;
	c->ready = true;
	load->opening--;
	load->ready++;
	if (c->seen) {
		int64_t now = clock_ns();

		histogram_add(&load->back, now - c->down_ns);
		load->back_ns = now;
	}
	c->seen = true;
}

/* ---- events ---- */

static void note_id(struct client *c, const struct sse_event *e)
{
	int64_t number;

	if (!e->id || e->id_len >= sizeof(c->cursor))
		return;
	memcpy(c->cursor, e->id, e->id_len);
	c->cursor[e->id_len] = '\0';
	/* Journal ids only grow, however publishers overtook each other. */
	if (strspn(c->cursor, "0123456789") != e->id_len)
		return;
	number = atoll(c->cursor);
	if (e->has_payload && number <= c->cursor_number)
		c->load->ids_disordered++;
	c->cursor_number = number;
}

static void take_event(void *context, const struct sse_event *e)
{
	struct client *c = context;
	struct load *load = c->load;
	int64_t now;

	note_id(c, e);
	if (e->retry_ms >= 0)
		c->retry_ms = e->retry_ms;
	if (load->options->ready_at_event)
		become_ready(c);
	if (!e->has_payload || !tally_take(&c->tally, e->number))
		return;
	now = clock_ns();
	load->last_ns = now;
	load->deliveries++;
	if (c->pace == PACE_STALLED) {
		load->missing_stalled--;
		return;
	}
	load->missing--;
	if (c->pace != PACE_LATE)
		histogram_add(&load->latency, now - e->sent_ns);
	if (!load->first_ns[e->number])
		load->first_ns[e->number] = now;
	if (c->tally.received == c->tally.expected)
		histogram_add(&load->caught_up, now - load->begin_ns);
}

/* While streams are being opened all that counts is that they are; later a
 * client waits as long as the server has told it, as an EventSource does. */
static int64_t again_after(const struct client *c)
{
	const struct load *load = c->load;

	return load->begin_ns && load->options->reconnect ? c->retry_ms
							  : REFUSED_AGAIN_MS;
}

static void refuse(struct client *c)
{
	struct load *load = c->load;

	load->refused++;
	if (!load->refusal[0])
		snprintf(load->refusal, sizeof(load->refusal), "status %d",
			 c->http.status);
	client_drop(c, again_after(c));
}

/* Bytes of the head; 0: no more to do with these bytes. */
static size_t take_head(struct client *c, char *data, size_t len)
{
	ssize_t n = http_head(&c->http, data, len);

	if (n == 0) {
		c->rest = need(realloc(c->rest, len));
		memcpy(c->rest, data, len);
		c->rest_len = len;
		return 0;
	}
	if (n < 0 || c->http.status != 200) {
		refuse(c);
		return 0;
	}
	c->state = CLIENT_OPEN;
	c->rest_len = 0;
	if (!c->load->options->ready_at_event)
		become_ready(c);
	return (size_t)n;
}

static void keep_rest(struct client *c, const char *data, size_t len)
{
	c->rest_len = len;
	if (len == 0)
		return;
	c->rest = need(realloc(c->rest, len));
	memcpy(c->rest, data, len);
}

static void server_ended(struct client *c)
{
	const struct load *load = c->load;
	int64_t again = load->options->reconnect ? c->retry_ms : -1;

	c->load->ended++;
	if (c->state != CLIENT_OPEN || !load->begin_ns)
		again = again_after(c);
	client_drop(c, again);
}

void client_read(struct client *c, size_t most)
{
	char *data = c->load->scratch;
	size_t head = 0, used, before = c->rest_len;
	ssize_t n;

	if (most > LOAD_SCRATCH - before)
		most = LOAD_SCRATCH - before;
	n = recv(c->fd, data + before, most, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		server_ended(c);
		return;
	}
	c->load->reads++;
	c->load->stream_bytes += (uint64_t)n;
	if (before)
		memcpy(data, c->rest, before);
	if (c->state == CLIENT_HEAD) {
		head = take_head(c, data, before + (size_t)n);
		if (head == 0)
			return;
		n = (ssize_t)(before + (size_t)n - head);
		data += head;
		before = 0;
	}
	n = http_decode(&c->http, data + before, (size_t)n);
	if (n < 0) {
		snprintf(c->load->refusal, sizeof(c->load->refusal),
			 "a body that is malformed");
		server_ended(c);
		return;
	}
	used = sse_scan(data, before + (size_t)n, take_event, c);
	keep_rest(c, data + used, before + (size_t)n - used);
	if (c->http.body == HTTP_DONE)
		server_ended(c);
}

void client_event(struct client *c, uint32_t events)
{
	if (c->state == CLIENT_CONNECTING) {
		if (events & (EPOLLERR | EPOLLHUP)) {
			client_drop(c, again_after(c));
			return;
		}
		watch(c, EPOLL_CTL_MOD, EPOLLIN);
		send_request(c);
	} else if (c->fd >= 0) {
		client_read(c, LOAD_SCRATCH);
	}
}

void client_pace(struct client *c, enum client_pace pace)
{
	bool watched = c->pace < PACE_SLOW;

	if (watched != (pace < PACE_SLOW))
		watch(c, watched ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, EPOLLIN);
	c->pace = pace;
}
