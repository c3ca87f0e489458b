/*
 * load: the loop and who is opened when.
 *
 * Level-triggered, one read per client and turn: what a fast server has ready
 * is taken in turns, and a client is never read twice to find it empty.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS		1024
#define WAITING_MS	5
#define ASK_AGAIN_MS	INT64_C(3000)
#define SLOW_TICK_MS	100
#define NS_PER_MS	1000000
#define OWN_DESCRIPTORS 64

static void raise_limit(const struct options *o)
{
	struct rlimit limit;
	rlim_t wanted = o->streams + o->connections + OWN_DESCRIPTORS;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < wanted)
		die("%llu descriptors are needed, %llu allowed",
		    (unsigned long long)wanted,
		    (unsigned long long)limit.rlim_max);
}

void load_init(struct load *load, const struct options *options,
	       uint64_t messages)
{
	memset(load, 0, sizeof(*load));
	raise_limit(options);
	load->options = options;
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->scratch = need(malloc(LOAD_SCRATCH));
	publisher_init(&load->publisher, options, messages);
	load->first_ns =
	    need(calloc((size_t)messages + 1, sizeof(*load->first_ns)));
	load->clients = need(calloc(options->streams, sizeof(struct client)));
	for (unsigned i = 0; i < options->streams; i++)
		client_init(&load->clients[i], load, i);
}

void load_fini(struct load *load)
{
	for (unsigned i = 0; i < load->options->streams; i++)
		client_fini(&load->clients[i]);
	free(load->clients);
	free(load->first_ns);
	free(load->scratch);
	publisher_fini(&load->publisher);
	close(load->epoll);
}

/* Each is looked at once at most, so that a turn ends. */
static void open_due(struct load *load)
{
	int64_t now = clock_ns();

	for (unsigned i = 0; i < load->count; i++) {
		struct client *c =
		    &load->clients[(load->cursor + i) % load->count];

		if (!load->waiting || load->opening >= load->at_once) {
			load->cursor = (load->cursor + i) % load->count;
			return;
		}
		if (c->state != CLIENT_WAITING || c->due_ns > now)
			continue;
		load->waiting--;
		c->state = CLIENT_CLOSED;
		client_open(c);
	}
}

static void read_slowly(struct load *load)
{
	const struct options *o = load->options;
	int64_t now = clock_ns();

	if (now - load->slow_tick_ns < SLOW_TICK_MS * NS_PER_MS)
		return;
	load->slow_tick_ns = now;
	for (unsigned i = 0; i < load->count; i++)
		if (load->clients[i].pace == PACE_SLOW &&
		    load->clients[i].fd >= 0)
			client_read(&load->clients[i],
				    o->slow_rate * SLOW_TICK_MS / 1000 + 1);
}

void load_turn(struct load *load, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n;

	if (load->waiting)
		open_due(load);
	if (load->waiting && timeout_ms > WAITING_MS)
		timeout_ms = WAITING_MS;
	if (load->options->slow && timeout_ms > SLOW_TICK_MS / 4)
		timeout_ms = SLOW_TICK_MS / 4;
	n = epoll_wait(load->epoll, events, EVENTS, timeout_ms);
	for (int i = 0; i < n; i++)
		client_event(events[i].data.ptr, events[i].events);
	if (load->options->slow)
		read_slowly(load);
}

void load_turn_for(struct load *load, int64_t ms)
{
	int64_t until = clock_ns() + ms * NS_PER_MS, left;

	while ((left = until - clock_ns()) > 0)
		load_turn(load, (int)(left / NS_PER_MS) + 1);
}

/* A server that lost a request would hold up all; it is asked again. */
static void ask_again(struct load *load)
{
	int64_t before = clock_ns() - ASK_AGAIN_MS * NS_PER_MS;

	for (unsigned i = 0; i < load->count; i++) {
		struct client *c = &load->clients[i];

		if (c->ready || c->fd < 0 || c->opened_ns > before)
			continue;
		load->refused++;
		if (!load->refusal[0])
			strcpy(load->refusal, "no answer");
		client_drop(c, 0);
	}
}

static void turn_until_ready(struct load *load, unsigned wanted)
{
	int64_t give_up = clock_ns() + load->options->open_timeout * NS_PER_MS;

	while (load->ready < wanted) {
		load_turn(load, 100);
		if (load->opening && !load->waiting)
			ask_again(load);
		if (clock_ns() > give_up)
			die("%u of %u streams are open; %llu refused (%s), "
			    "%llu ended by the server",
			    load->ready, wanted,
			    (unsigned long long)load->refused, load->refusal,
			    (unsigned long long)load->ended);
	}
}

void load_open(struct load *load, unsigned n)
{
	int64_t begin = clock_ns();

	for (unsigned i = 0; i < n; i++) {
		struct client *c = &load->clients[load->count++];

		c->state = CLIENT_WAITING;
		load->waiting++;
	}
	load->at_once = load->options->opening;
	turn_until_ready(load, load->count);
	load->at_once = load->options->at_once;
	load->opened_ms += (double)(clock_ns() - begin) / NS_PER_MS;
}

void load_cut(struct load *load)
{
	for (unsigned i = 0; i < load->count; i++)
		client_drop(&load->clients[i], -1);
	load->down_ns = clock_ns();
}

void load_return(struct load *load)
{
	for (unsigned i = 0; i < load->count; i++) {
		struct client *c = &load->clients[i];

		if (c->state != CLIENT_CLOSED)
			continue;
		c->state = CLIENT_WAITING;
		c->due_ns = 0;
		c->down_ns = clock_ns();
		load->waiting++;
	}
}

void load_count_missing(struct load *load)
{
	load->missing = load->missing_stalled = 0;
	for (unsigned i = 0; i < load->count; i++) {
		const struct client *c = &load->clients[i];
		uint64_t missing = c->tally.expected - c->tally.received;

		if (c->pace == PACE_STALLED)
			load->missing_stalled += missing;
		else
			load->missing += missing;
	}
}
