/*
 * witness: opens streams, and answers the questions of a test on its standard
 * input, a line each, with a line of JSON on its standard output:
 *
 *   open        when all streams are open
 *   check       when all have what the journal holds, or nothing has come for
 *               --patience ms: how it stands
 *   old FILE    from now on this journal is one that was replaced
 *   cut         all hang up, and come back
 *
 * The end of its input ends it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "text.h"
#include "witness.h"

#define NS_PER_MS INT64_C(1000000)
#define LOOK_MS	  200

static int64_t patience_ns;

static void turn_for(struct witness *w, int ms)
{
	int64_t until = clock_ns() + ms * NS_PER_MS, left;

	while ((left = until - clock_ns()) > 0)
		streams_turn(w, (int)(left / NS_PER_MS) + 1);
}

static void report(const struct witness *w, const struct verdict *v)
{
	printf("{\"streams\":%zu,\"connected\":%zu,\"events\":%llu,"
	       "\"connections\":%llu,\"refused\":%llu,\"resets\":%llu,"
	       "\"lost\":%llu,\"strange\":%llu,\"doubled\":%llu,"
	       "\"disordered\":%llu,\"malformed\":%llu,\"behind\":%zu,"
	       "\"first\":\"%s\"}\n",
	       w->count, w->connected, (unsigned long long)v->events,
	       (unsigned long long)w->connections,
	       (unsigned long long)w->refused, (unsigned long long)w->resets,
	       (unsigned long long)v->lost, (unsigned long long)v->strange,
	       (unsigned long long)w->doubled,
	       (unsigned long long)w->disordered,
	       (unsigned long long)w->malformed, v->behind, v->first);
	fflush(stdout);
}

static void check(struct witness *w)
{
	int64_t since = clock_ns();
	struct verdict v = {0}, last = {0};

	for (;;) {
		if (judge(w, &v) == 0 && !v.lost && !v.strange)
			break;
		if (v.events != last.events || v.lost != last.lost)
			since = clock_ns();
		if (clock_ns() - since > patience_ns)
			break;
		last = v;
		turn_for(w, LOOK_MS);
	}
	/* What is doubled comes late. */
	turn_for(w, LOOK_MS);
	if (judge(w, &v) < 0)
		snprintf(v.first, sizeof(v.first), "the journal can't be read");
	report(w, &v);
}

static void wait_open(struct witness *w)
{
	struct verdict none = {0};
	int64_t until = clock_ns() + patience_ns;

	while (w->connected < w->count && clock_ns() < until)
		streams_turn(w, 50);
	report(w, &none);
}

static void command(struct witness *w, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "open") == 0)
		wait_open(w);
	else if (strcmp(line, "check") == 0)
		check(w);
	else if (strncmp(line, "old ", 4) == 0 && w->old_count < WITNESS_OLD)
		w->old[w->old_count++] = need(strdup(line + 4));
	else if (strcmp(line, "cut") == 0)
		streams_cut(w);
	else
		die("%s: expected open, check, old FILE or cut", line);
}

/* Commands that have come whole.  False: that was the last one. */
static bool take_commands(struct witness *w, struct text *in)
{
	char *end;
	ssize_t n = read(0, text_room(in, 4096), 4095);

	if (n == 0)
		return false;
	if (n > 0)
		in->len += (size_t)n;
	while ((end = memchr(in->data, '\n', in->len))) {
		size_t used = (size_t)(end + 1 - in->data);
		char *line = need(strndup(in->data, used));

		memmove(in->data, end + 1, in->len - used);
		in->len -= used;
		command(w, line);
		free(line);
	}
	return true;
}

static void read_streams(struct witness *w, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		die("%s: can't be read", path);
	while (getline(&line, &size, file) > 0) {
		w->streams = need(
		    realloc(w->streams, (w->count + 1) * sizeof(*w->streams)));
		/* the line is the stream's */
		stream_init(&w->streams[w->count++], w, line);
		line = NULL;
		size = 0;
	}
	free(line);
	fclose(file);
}

static void raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct witness w = {.again_ns = 50 * NS_PER_MS};
	struct text in = {NULL, 0, 0};

	if (argc != 7)
		die("usage: witness ADDRESS PORT PATH DATABASE SECRETS "
		    "PATIENCE_MS");
	w.address = argv[1];
	w.port = (uint16_t)atoi(argv[2]);
	w.path = argv[3];
	w.database = argv[4];
	patience_ns = atoll(argv[6]) * NS_PER_MS;
	raise_limit();
	w.epoll = epoll_create1(EPOLL_CLOEXEC);
	w.scratch = need(malloc(WITNESS_READ));
	read_streams(&w, argv[5]);
	fcntl(0, F_SETFL, O_NONBLOCK);
	while (take_commands(&w, &in))
		streams_turn(&w, 20);
	for (size_t i = 0; i < w.count; i++)
		stream_fini(&w.streams[i]);
	free(w.streams);
	free(w.scratch);
	text_fini(&in);
	return 0;
}
