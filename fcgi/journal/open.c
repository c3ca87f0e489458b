/*
 * open: the database, the head file and the watch: opened, and opened
 * again when they are gone or can't be used.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "journal/internal.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/dirwatch.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"

#define REOPEN_MIN_NS 20000000
#define REOPEN_MAX_NS 1000000000
#define MOMENT_NS     100000000 /* a file that is being replaced */

void journal_unusable(struct journal *j, const struct err *why)
{
	if (strcmp(j->complaint, why->message) != 0)
		log_error("database-unusable", "code=%s detail=\"%s\"",
			  err_name(why->code), why->message);
	memcpy(j->complaint, why->message, sizeof(j->complaint));
	db_close(j->db);
	j->db = NULL;
	j->backoff_ns = j->backoff_ns * 2;
	if (j->backoff_ns < REOPEN_MIN_NS)
		j->backoff_ns = REOPEN_MIN_NS;
	if (j->backoff_ns > REOPEN_MAX_NS)
		j->backoff_ns = REOPEN_MAX_NS;
	if (j->backoff_ns > MOMENT_NS)
		j->sink->usable(j->sink, false);
	loop_timer_set(j->loop, &j->reopen, clock_mono_ns() + j->backoff_ns);
}

static void close_watch(struct journal *j)
{
	loop_unwatch(j->loop, &j->watch_io);
	dirwatch_close(j->watch);
	j->watch = NULL;
}

static void open_watch(struct journal *j)
{
	struct err err;

	close_watch(j);
	if (dirwatch_open(&j->watch, j->path, &err) == 0 &&
	    loop_watch(j->loop, &j->watch_io, dirwatch_fd(j->watch), EPOLLIN,
		       &err) == 0) {
		j->blind = dirwatch_blind(j->path);
		if (j->blind)
			log_warn("inotify-blind",
				 "detail=\"the file system does not tell of "
				 "other machines' writes\" poll_ms=%d",
				 TICK_BLIND_MS);
		return;
	}
	if (!j->blind)
		log_warn("inotify-unavailable", "detail=\"%s\" poll_ms=%d",
			 err.message, TICK_BLIND_MS);
	j->blind = true;
}

/* With it goes the lock, and with that the watch. */
void journal_close_head(struct journal *j)
{
	close_watch(j);
	journal_head_close(j->head);
	j->head = NULL;
	j->watcher = false;
	j->blind = false;
	registry_set_watcher(j->registry, false);
}

void journal_try_watch(struct journal *j)
{
	if (!j->watcher) {
		j->watcher = journal_head_lock(j->head);
		if (!j->watcher)
			return;
		registry_set_watcher(j->registry, true);
		/* Who watched before us may not have told everybody. */
		j->wake_all = true;
		if (j->settled)
			journal_write_mark(j);
	}
	if (!j->watch || dirwatch_gone(j->watch))
		open_watch(j);
}

/* The file may be a link, and be made later. */
static void resolve_path(struct journal *j)
{
	char *real = realpath(j->name, NULL);

	if (!real)
		real = mem_strdup(j->name);
	if (j->path && strcmp(j->path, real) != 0)
		journal_close_head(j);
	free(j->path);
	j->path = real;
}

int journal_open_head(struct journal *j, struct err *err)
{
	if (!j->head && journal_head_open(&j->head, j->path, err) < 0)
		return -1;
	/* The watch comes before the first read: what is written after this
	 * is told. */
	journal_try_watch(j);
	return 0;
}

static int connect_database(struct journal *j, struct err *err)
{
	struct db_options options = {.path = j->path,
				     .synchronous_full = j->synchronous_full};

	j->db = j->spare;
	j->spare = NULL;
	if (j->db && !db_moved(j->db)) {
		db_set_busy_timeout(j->db, 0);
		return 0;
	}
	db_close(j->db);
	j->db = NULL;
	return db_open(&j->db, &options, err);
}

void journal_open_database(struct journal *j)
{
	struct err err;

	resolve_path(j);
	if (connect_database(j, &err) < 0 || journal_open_head(j, &err) < 0 ||
	    journal_settle(j, &err) < 0) {
		journal_unusable(j, &err);
		return;
	}
	j->due = true; /* only a read shows whether it is good */
	j->sink->page_end(j->sink, j->position);
}
