/*
 * init: `belfry init`: makes a database or brings one up to date.
 *
 * The file is made before SQLite sees it, so that its mode (and with it that of
 * -wal and -shm, which SQLite copies from it) lets the web server's group
 * write, whatever the umask says.
 */
#include "tool/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "inbox/notification.h"
#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"

#define DATABASE_MODE 0660

/* Each has a dedupe key of its own, so that running it again adds nothing. */
static const struct demo {
	const char *user, *key, *type, *title, *body, *data, *link;
	int priority;
} demos[] = {
    {"alice", "demo-build", "build", "Build 1482 finished",
     "All 312 tests passed in 4 min 10 s.",
     "{\"build\":1482,\"branch\":\"main\"}", "/builds/1482", 3},
    {"alice", "demo-review", "review", "Bob asks for your review",
     "“Keep the cursor when a stream is resumed”, 3 files changed.",
     "{\"pull\":97}", "/pulls/97", 4},
    {"alice", "demo-disk", "alert", "Disk on db-1 is 91 % full",
     "At this rate it is full on Thursday.",
     "{\"host\":\"db-1\",\"percent\":91}", "/hosts/db-1", 5},
    {"bob", "demo-merged", "review", "Your change was merged",
     "Alice merged “Retry on a locked database”.", "{\"pull\":95}", "/pulls/95",
     3},
    {"bob", "demo-invoice", "billing", "Invoice 2024-031 was paid",
     "€ 1,250.00 from Café Zürich.", "{\"invoice\":\"2024-031\"}",
     "/invoices/2024-031", 2},
    {"carol", "demo-welcome", "info", "Welcome to Belfry",
     "Notifications appear here as soon as they are written.", NULL, NULL, 3},
    {"carol", "demo-comment", "comment", "Alice mentioned you in “Roadmap”",
     "@carol, does this fit your plan for the autumn?", "{\"comment\":5120}",
     "/docs/roadmap#c5120", 3},
    {NOTIFICATION_EVERYONE, "demo-maintenance", "maintenance",
     "Maintenance on Sunday, 02:00–03:00 UTC",
     "Streams reconnect by themselves; nothing is lost.", NULL, "/status", 4},
};

static int add_demo(struct db *db, const struct demo *demo, struct err *err)
{
	const struct notification_input in = {
	    .has = NOTIFICATION_HAS_USER | NOTIFICATION_HAS_TITLE |
		   NOTIFICATION_HAS_PRIORITY,
	    .user_id = span_of(demo->user),
	    .type = span_of(demo->type),
	    .title = span_of(demo->title),
	    .body = span_of(demo->body),
	    .data = span_of(demo->data),
	    .link = span_of(demo->link),
	    .dedupe_key = span_of(demo->key),
	    .priority = demo->priority,
	};
	bool created;
	int64_t id;

	return store_create(db, &in, clock_wall_ms(), &id, &created, err);
}

static int add_demos(struct db *db, struct err *err)
{
	if (db_begin_write(db, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(demos) / sizeof(demos[0]); i++)
		if (add_demo(db, &demos[i], err) < 0) {
			db_rollback(db);
			return -1;
		}
	return db_commit(db, err);
}

/* Nothing when it is there.  No connection is open yet: closing a database's
 * file by hand drops the locks that SQLite has on it. */
static int make_file(const char *path, struct err *err)
{
	int fd =
	    open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, DATABASE_MODE);
	int result = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : err_set_errno(err, "%s", path);
	if (fchmod(fd, DATABASE_MODE) < 0)
		result = err_set_errno(err, "%s", path);
	close(fd);
	return result;
}

int cmd_init(int argc, char **argv, struct err *err)
{
	const char *demo = NULL;
	const struct cmd_option options[] = {
	    {"demo", NULL, "with notifications for alice, bob and carol", &demo,
	     false},
	};
	const struct cmd_syntax syntax = {
	    "init", NULL,
	    "Makes the database, or brings it up to date; prints its path.",
	    options, sizeof(options) / sizeof(options[0])};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	if (cmd_configure(&cmd, err) < 0 || make_file(cmd.path, err) < 0 ||
	    cmd_open_database(&cmd, CMD_CREATE, err) < 0 ||
	    db_migrate(cmd.db, err) < 0)
		goto out;
	if (demo && add_demos(cmd.db, err) < 0)
		goto out;
	/* So that the file alone, copied now, is the whole database.  A reader
	 * may be in the way; then it is whole together with its -wal. */
	if (db_exec(cmd.db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL) < 0)
		log_debug("init", "detail=\"no checkpoint\"");
	puts(cmd.path);
	result = 0;
out:
	cmd_end(&cmd);
	return result;
}
