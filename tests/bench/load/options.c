/*
 * options: one table of names, so that usage and parser agree.
 */
#include "options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum kind { WORD, NUMBER, NUMBER64, REAL, FLAG, LIST, SPECIAL };

struct option_row {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
    {"scenario", SPECIAL, 0, "fanout, idle or resume (fanout)"},
    {"url", SPECIAL, 0, "http://ADDRESS:PORT of the server"},
    {"path", WORD, AT(path), "of the stream; %u is the user"},
    {"header", LIST, AT(headers), "of the stream's request; %s: the secret"},
    {"secrets", SPECIAL, 0, "file with one secret per user"},
    {"streams", NUMBER, AT(streams), "how many (1000)"},
    {"users", NUMBER, AT(users), "whose they are, in turn (as streams)"},
    {"opening", NUMBER, AT(opening), "connections opened at once (128)"},
    {"at-once", NUMBER, AT(at_once), "the same, coming back (all)"},
    {"sources", NUMBER, AT(sources), "local addresses 127.0.0.2 … (4)"},
    {"stalled", NUMBER, AT(stalled), "streams that do not read"},
    {"slow", NUMBER, AT(slow), "streams that read slowly"},
    {"slow-rate", NUMBER, AT(slow_rate), "bytes per second (20000)"},
    {"ready-at-event", FLAG, AT(ready_at_event), "not at the head"},
    {"reconnect", FLAG, AT(reconnect), "after the server's end, too"},
    {"via", SPECIAL, 0, "sql or post: how messages are published"},
    {"everyone", FLAG, AT(everyone), "each to all users, not to the next"},
    {"everyone-id", WORD, AT(everyone_id), "what their name is (*)"},
    {"messages", NUMBER64, AT(messages), "how many"},
    {"rate", REAL, AT(rate), "messages a second (0: unpaced)"},
    {"size", NUMBER, AT(size), "bytes of a payload (300)"},
    {"batch", NUMBER, AT(batch), "messages per commit or request (1)"},
    {"connections", NUMBER, AT(connections), "of the publisher (1)"},
    {"db", WORD, AT(database), "database to insert into"},
    {"post-url", SPECIAL, 0, "where to POST, if not to --url"},
    {"post-path", WORD, AT(post_path), "%u: the user"},
    {"post-header", LIST, AT(post_headers), "can be given again"},
    {"post-body", WORD, AT(post_body), "%p: payload, %e: escaped, %n: number"},
    {"cut-at", LIST, AT(cut_at), "ms: all clients drop and come back"},
    {"kill-at", NUMBER64, AT(kill_at), "ms: SIGKILL to --kill-pid"},
    {"kill-pid", NUMBER, AT(kill_pid), "whom"},
    {"warm", NUMBER, AT(warm), "idle: streams before it counts (200)"},
    {"missed", NUMBER, AT(missed), "resume: messages missed (100)"},
    {"hold", NUMBER64, AT(hold), "idle: ms of silence (1000)"},
    {"settle", NUMBER64, AT(settle), "ms before it begins (300)"},
    {"patience", NUMBER64, AT(patience), "ms without anything new (5000)"},
    {"open-timeout", NUMBER64, AT(open_timeout), "ms (60000)"},
    {"pid", LIST, AT(pids), "NAME=PID whose time and memory count"},
    {"check", FLAG, AT(check), "exit 1 if not everything came, in order"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static _Noreturn void usage(void)
{
	fputs("usage: load --url http://ADDRESS:PORT [OPTION]...\n", stderr);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(stderr, "  --%-15s %s\n", rows[i].name, rows[i].help);
	exit(2);
}

static double number_of(const char *name, const char *value)
{
	char *end;
	double number = strtod(value, &end);

	if (end == value || *end || number < 0 || number > 1e15)
		die("--%s %s: expected a number", name, value);
	return number;
}

static void read_url(struct sockaddr_in *server, const char *value)
{
	char address[64];
	unsigned port;

	if (sscanf(value, "http://%63[0-9.]:%u", address, &port) != 2 ||
	    port > 65535 || inet_pton(AF_INET, address, &server->sin_addr) != 1)
		die("%s: expected http://ADDRESS:PORT", value);
	server->sin_family = AF_INET;
	server->sin_port = htons((uint16_t)port);
}

static void read_secrets(struct options *o, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n = 0, cap = 0, size = 0;
	char *line = NULL;
	ssize_t len;

	if (!file)
		die("--secrets %s: can't be read", path);
	while ((len = getline(&line, &size, file)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (n + 1 >= cap) {
			cap = cap ? cap * 2 : 1024;
			o->secrets =
			    need(realloc(o->secrets, cap * sizeof(char *)));
		}
		o->secrets[n++] = need(strdup(line));
		o->secrets[n] = NULL;
	}
	free(line);
	fclose(file);
	if (n < o->users)
		die("--secrets %s: %zu for %u users", path, n, o->users);
}

/* Index of value in a list of words. */
static int choose(const char *name, const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	die("--%s %s: not known", name, value);
}

static const char *read_special(struct options *o, const char *name,
				const char *value)
{
	static const char *const scenarios[] = {"fanout", "idle", "resume",
						NULL};
	static const char *const vias[] = {"none", "sql", "post", NULL};

	if (strcmp(name, "secrets") == 0)
		return value;
	if (strcmp(name, "url") == 0)
		read_url(&o->server, value);
	else if (strcmp(name, "post-url") == 0)
		read_url(&o->post_server, value);
	else if (strcmp(name, "via") == 0)
		o->via = (enum via)choose(name, value, vias);
	else
		o->scenario = (enum scenario)choose(name, value, scenarios);
	return NULL;
}

static void put_list(struct list *list, const char *name, const char *value)
{
	if (list->n == OPTIONS_MANY)
		die("--%s: more than %d of them", name, OPTIONS_MANY);
	list->items[list->n++] = value;
}

static void put(struct options *o, const struct option_row *row,
		const char *value)
{
	void *place = (char *)o + row->offset;

	switch (row->kind) {
	case WORD:
		*(const char **)place = value;
		break;
	case NUMBER:
		*(unsigned *)place = (unsigned)number_of(row->name, value);
		break;
	case NUMBER64:
		*(int64_t *)place = (int64_t)number_of(row->name, value);
		break;
	case REAL:
		*(double *)place = number_of(row->name, value);
		break;
	case LIST:
		put_list(place, row->name, value);
		break;
	case FLAG:
		*(bool *)place = true;
		break;
	case SPECIAL:
		break;
	}
}

static const struct option_row *find(const char *argument)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strncmp(argument, "--", 2) == 0 &&
		    strcmp(argument + 2, rows[i].name) == 0)
			return &rows[i];
	usage();
}

static void complete(struct options *o)
{
	if (!o->server.sin_port)
		usage();
	if (!o->post_server.sin_port)
		o->post_server = o->server;
	if (!o->users)
		o->users = o->streams;
	if (!o->at_once)
		o->at_once = o->streams;
	if (!o->streams || !o->opening || !o->batch || !o->connections ||
	    !o->sources || o->sources > 200)
		die("streams, opening, batch, connections, sources: expected "
		    "more than 0");
	if (o->via == VIA_SQL && !o->database)
		die("--via sql needs --db");
	if (o->via == VIA_POST && (!o->post_path || !o->post_body))
		die("--via post needs --post-path and --post-body");
	if (o->size < 64)
		die("--size: expected 64 or more");
}

void options_read(struct options *o, int argc, char **argv)
{
	const char *secrets = NULL;

	*o = (struct options){.path = "/api/notifications/stream",
			      .streams = 1000,
			      .opening = 128,
			      .sources = 4,
			      .slow_rate = 20000,
			      .everyone_id = "*",
			      .size = 300,
			      .batch = 1,
			      .connections = 1,
			      .warm = 200,
			      .missed = 100,
			      .hold = 1000,
			      .settle = 300,
			      .patience = 5000,
			      .open_timeout = 60000};
	for (int i = 1; i < argc; i++) {
		const struct option_row *row = find(argv[i]);
		const char *value = "";

		if (row->kind != FLAG && !(value = argv[++i]))
			die("--%s needs a value", row->name);
		if (row->kind == SPECIAL) {
			const char *file = read_special(o, row->name, value);

			secrets = file ? file : secrets;
		} else {
			put(o, row, value);
		}
	}
	complete(o);
	if (secrets)
		read_secrets(o, secrets);
}

void options_fini(struct options *o)
{
	for (size_t i = 0; o->secrets && o->secrets[i]; i++)
		free(o->secrets[i]);
	free(o->secrets);
}

void options_user(const struct options *o, unsigned user, char name[static 24])
{
	(void)o;
	snprintf(name, 24, "u%u", user);
}
