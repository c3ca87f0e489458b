/*
 * floor: what sending costs if nothing else is done.
 *
 * One thread, one epoll; a message is made ready once, and the same bytes are
 * sent to every socket of its channel.  No chunks, no files, no log-in.  The
 * last messages of a channel are kept for Last-Event-ID, in memory.  Of what a
 * socket does not take, the rest of the one event is kept and all that follows
 * is dropped, so a reader that stalls costs nothing and loses.
 *
 *     GET /sub?id=u7     POST /pub?id=u7
 *
 * A channel is a number behind one letter.  Usage: floor PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNELS    16384
#define RING	    128
#define REQUEST_MAX 16384
#define BACKLOG	    4096
#define EVENTS	    256

struct bytes {
	char *data;
	size_t len;
};

struct connection {
	int fd;
	struct connection *next, **at; /* in its channel; at: NULL if not */
	struct bytes request;	       /* while it comes in parts */
	struct bytes rest;	       /* of an event that was cut */
};

struct channel {
	struct connection *subscribers;
	struct bytes *ring; /* RING of them, from the first message on */
	uint64_t next_id;   /* ids begin with 1 */
};

struct floor {
	int epoll, listener;
	struct channel *channels;
	char scratch[REQUEST_MAX + 1];
};

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *need(void *memory)
{
	if (!memory)
		die("memory");
	return memory;
}

static void drop(struct connection *c)
{
	if (c->at) {
		*c->at = c->next;
		if (c->next)
			c->next->at = c->at;
	}
	close(c->fd);
	free(c->request.data);
	free(c->rest.data);
	free(c);
}

static void watch(struct floor *f, struct connection *c, int operation,
		  uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};

	epoll_ctl(f->epoll, operation, c->fd, &event);
}

static void keep(struct bytes *b, const char *data, size_t len)
{
	b->data = need(realloc(b->data, len));
	memmove(b->data, data, len);
	b->len = len;
}

/* Closed peers are noticed when they are read. */
static void send_some(struct floor *f, struct connection *c, const char *data,
		      size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		n = errno == EAGAIN ? 0 : (ssize_t)len;
	if (n == (ssize_t)len)
		return;
	if (n == 0 && c->at)
		return; /* a whole event: dropped */
	keep(&c->rest, data + n, len - (size_t)n);
	watch(f, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void flush(struct floor *f, struct connection *c)
{
	ssize_t n =
	    send(c->fd, c->rest.data, c->rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return;
	c->rest.len -= (size_t)n;
	memmove(c->rest.data, c->rest.data + n, c->rest.len);
	if (c->rest.len)
		return;
	free(c->rest.data);
	c->rest.data = NULL;
	watch(f, c, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- requests ---- */

static struct channel *channel_of(struct floor *f, const char *request)
{
	const char *id = strstr(request, "id=");
	unsigned long number = id ? strtoul(id + 4, NULL, 10) : 0;

	return &f->channels[number % CHANNELS];
}

static void subscribe(struct floor *f, struct connection *c,
		      const char *request)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "Content-Type: text/event-stream\r\n"
				   "Connection: close\r\n\r\n";
	struct channel *channel = channel_of(f, request);
	const char *last = strcasestr(request, "\r\nLast-Event-ID: ");
	uint64_t id = channel->next_id;
	struct bytes all = {NULL, 0};

	keep(&all, head, sizeof(head) - 1);
	if (last)
		id = strtoull(last + 17, NULL, 10);
	if (channel->next_id - id > RING)
		id = channel->next_id - RING;
	for (; id < channel->next_id; id++) {
		const struct bytes *b = &channel->ring[id % RING];

		all.data = need(realloc(all.data, all.len + b->len));
		memcpy(all.data + all.len, b->data, b->len);
		all.len += b->len;
	}
	send_some(f, c, all.data, all.len);
	free(all.data);
	c->next = channel->subscribers;
	c->at = &channel->subscribers;
	if (c->next)
		c->next->at = &c->next;
	channel->subscribers = c;
}

static void publish(struct floor *f, struct connection *c, const char *request,
		    struct bytes body)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n"
				     "Content-Length: 0\r\n\r\n";
	struct channel *channel = channel_of(f, request);
	struct bytes *slot;

	if (!channel->ring)
		channel->ring = need(calloc(RING, sizeof(*channel->ring)));
	slot = &channel->ring[channel->next_id % RING];
	slot->data = need(realloc(slot->data, body.len + 48));
	slot->len = (size_t)sprintf(slot->data, "id: %llu\ndata: ",
				    (unsigned long long)++channel->next_id);
	memcpy(slot->data + slot->len, body.data, body.len);
	memcpy(slot->data + slot->len + body.len, "\n\n", 2);
	slot->len += body.len + 2;
	for (struct connection *s = channel->subscribers; s; s = s->next)
		if (!s->rest.data)
			send_some(f, s, slot->data, slot->len);
	send_some(f, c, answer, sizeof(answer) - 1);
}

/* False: it is not all there yet. */
static bool serve(struct floor *f, struct connection *c, char *data, size_t len)
{
	char *end, *length;
	size_t body = 0;

	data[len] = '\0';
	end = strstr(data, "\r\n\r\n");
	if (!end)
		return false;
	length = strcasestr(data, "\r\nContent-Length: ");
	if (length && length < end)
		body = strtoul(length + 18, NULL, 10);
	if ((size_t)(data + len - end) < body + 4)
		return false;
	if (strncmp(data, "POST", 4) == 0)
		publish(f, c, data, (struct bytes){end + 4, body});
	else if (!c->at)
		subscribe(f, c, data);
	return true;
}

/* ---- the loop ---- */

static void readable(struct floor *f, struct connection *c)
{
	size_t before = c->request.len;
	ssize_t n = recv(c->fd, f->scratch + before, REQUEST_MAX - before, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	if (before)
		memcpy(f->scratch, c->request.data, before);
	free(c->request.data);
	c->request = (struct bytes){NULL, 0};
	if (!serve(f, c, f->scratch, before + (size_t)n))
		keep(&c->request, f->scratch, before + (size_t)n);
}

static void accept_all(struct floor *f)
{
	const int one = 1;
	int fd;

	while ((fd = accept4(f->listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *c = need(calloc(1, sizeof(*c)));

		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(f, c, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static int listen_on(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)atoi(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const void *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

static void turn(struct floor *f)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(f->epoll, events, EVENTS, -1);

	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;

		if (!c) {
			accept_all(f);
			continue;
		}
		if (c->rest.data && (events[i].events & EPOLLOUT))
			flush(f, c);
		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			readable(f, c);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	struct rlimit limit;
	struct floor *f = need(calloc(1, sizeof(*f)));

	if (argc != 2) {
		fputs("usage: floor PORT\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	f->channels = need(calloc(CHANNELS, sizeof(*f->channels)));
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->listener = listen_on(argv[1]);
	epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->listener, &event);
	for (;;)
		turn(f);
}
