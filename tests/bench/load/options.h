/*
 * options: what one run of the load tool is to do.  Filled once, then only
 * read, by every thread.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_MANY 16

enum scenario { SCENARIO_FANOUT, SCENARIO_IDLE, SCENARIO_RESUME };
enum via { VIA_NONE, VIA_SQL, VIA_POST };

struct list {
	const char *items[OPTIONS_MANY];
	unsigned n;
};

struct options {
	enum scenario scenario;
	/* where to */
	struct sockaddr_in server;
	const char *path;
	struct list headers;
	char **secrets; /* one per user, then NULL; or NULL; owned */
	/* streams */
	unsigned streams, users, opening, at_once, sources;
	unsigned stalled, slow, slow_rate; /* bytes per second */
	bool ready_at_event;
	bool reconnect;
	/* what is published */
	enum via via;
	bool everyone; /* each message to all users, not to the next */
	const char *everyone_id;
	uint64_t messages;
	double rate; /* per second; 0: as fast as it goes */
	unsigned size, batch, connections;
	const char *database;
	struct sockaddr_in post_server;
	struct list post_headers;
	const char *post_path, *post_body;
	/* what happens meanwhile; times in ms after the first message */
	struct list cut_at;
	int64_t kill_at;
	int kill_pid;
	/* the rest */
	unsigned warm, missed;
	int64_t hold, settle, patience, open_timeout;
	struct list pids; /* NAME=PID */
	bool check;
};

/* Ends the program where something is wrong. */
void options_read(struct options *o, int argc, char **argv);
void options_fini(struct options *o);
/* "u17"; name has room for 24 bytes. */
void options_user(const struct options *o, unsigned user, char name[static 24]);

#endif
