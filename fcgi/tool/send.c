/*
 * send: `belfry send`: the INSERT that any program may do, with options.
 */
#include "tool/internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "config/value.h"
#include "inbox/notification.h"
#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/json.h"

#define PRIORITY_MAX 5

/* The options as they were given. */
struct given {
	const char *user, *title, *body, *type, *link, *data, *priority;
	const char *expires_at, *expires_in, *dedupe_key;
};

static int read_expiry(const struct given *given, int64_t now_ms,
		       struct notification_input *in, struct err *err)
{
	int64_t ms;

	if (given->expires_at && given->expires_in)
		return err_set(err, ERR_USAGE,
			       "expected --expires-at or --expires-in, found "
			       "both");
	if (given->expires_at &&
	    clock_parse_rfc3339(given->expires_at, &in->expires_at) < 0)
		return err_set(err, ERR_USAGE,
			       "--expires-at: expected a time such as "
			       "2030-01-31T12:00:00Z, found \"%s\"",
			       given->expires_at);
	if (!given->expires_in)
		return 0;
	if (cmd_duration("expires-in", given->expires_in, 1, &ms, err) < 0)
		return -1;
	in->expires_at = now_ms + ms;
	return 0;
}

static int read_input(const struct given *given, int64_t now_ms,
		      struct notification_input *in, struct err *err)
{
	*in = (struct notification_input){
	    .has = NOTIFICATION_HAS_USER | NOTIFICATION_HAS_TITLE,
	    .user_id = span_of(given->user),
	    .title = span_of(given->title),
	    .body = span_of(given->body),
	    .type = span_of(given->type),
	    .link = span_of(given->link),
	    .data = span_of(given->data),
	    .dedupe_key = span_of(given->dedupe_key),
	};
	if (cmd_require("user", given->user, err) < 0 ||
	    cmd_require("title", given->title, err) < 0)
		return -1;
	if (given->data && !json_valid(in->data))
		return err_set(err, ERR_USAGE,
			       "--data: expected JSON, found \"%s\"",
			       given->data);
	if (given->priority) {
		in->has |= NOTIFICATION_HAS_PRIORITY;
		if (config_parse_count(given->priority, &in->priority) < 0 ||
		    in->priority < 1 || in->priority > PRIORITY_MAX)
			return err_set(err, ERR_USAGE,
				       "--priority: expected 1 to %d, found "
				       "\"%s\"",
				       PRIORITY_MAX, given->priority);
	}
	return read_expiry(given, now_ms, in, err);
}

/* A dropped duplicate gives the id of the one that is there. */
static int send(struct db *db, const struct notification_input *in,
		int64_t now_ms, int64_t *id, struct err *err)
{
	bool created;

	if (db_begin_write(db, err) < 0)
		return -1;
	if (store_create(db, in, now_ms, id, &created, err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

int cmd_send(int argc, char **argv, struct err *err)
{
	struct given given = {0};
	const struct cmd_option options[] = {
	    {"user", "U", "to whom; '*' is everyone", &given.user, false},
	    {"title", "T", "one line", &given.title, false},
	    {"body", "TEXT", "more", &given.body, false},
	    {"type", "WORD", "a word for clients to filter on (info)",
	     &given.type, false},
	    {"link", "URL", "where a click leads", &given.link, false},
	    {"data", "JSON", "anything for the client", &given.data, false},
	    {"priority", "N", "1 (low) to 5 (high); 3", &given.priority, false},
	    {"expires-at", "TIME", "RFC 3339: it is gone from then on",
	     &given.expires_at, false},
	    {"expires-in", "TIME", "the same, from now: 90s, 12h, 7d",
	     &given.expires_in, false},
	    {"dedupe-key", "KEY", "dropped when the user has one with this key",
	     &given.dedupe_key, false},
	};
	const struct cmd_syntax syntax = {
	    "send", NULL,
	    "Sends a notification and prints its id (of a duplicate: the id "
	    "of the first).",
	    options, sizeof(options) / sizeof(options[0])};
	struct notification_input in;
	int64_t now_ms = clock_wall_ms(), id;
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	if (read_input(&given, now_ms, &in, err) < 0 ||
	    cmd_open(&cmd, err) < 0 || send(cmd.db, &in, now_ms, &id, err) < 0)
		goto out;
	printf("%" PRId64 "\n", id);
	result = 0;
out:
	cmd_end(&cmd);
	return result;
}
