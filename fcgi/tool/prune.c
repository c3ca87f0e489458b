/*
 * prune: `belfry prune`: what the responder does by itself, now and all of
 * it.
 *
 * In the same small batches with pauses, so that it may run beside a responder
 * at any time of the day.
 */
#include "tool/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "inbox/retention.h"
#include "lib/clock.h"
#include "lib/err.h"

#define PAUSE_NS 20000000L

static int prune(struct cmd *cmd, bool dry_run,
		 int64_t removed[static RETENTION_KINDS], struct err *err)
{
	const struct timespec pause = {0, PAUSE_NS};
	struct retention *r = retention_new(cmd->config);
	struct retention_step step = {
	    .through = INT64_MAX, .dry_run = dry_run, .inboxes = true};
	int rc, passes = 0;

	/* A second pass removes what the first has made expire. */
	do {
		for (int i = 0; i < RETENTION_KINDS; i++)
			step.removed[i] = 0;
		step.now_ms = clock_wall_ms();
		rc = retention_step(r, cmd->db, &step, err);
		for (int i = 0; i < RETENTION_KINDS; i++)
			removed[i] += step.removed[i];
		if (rc > 0 && !dry_run)
			nanosleep(&pause, NULL);
		if (rc == 0)
			passes++;
	} while (rc > 0 || (rc == 0 && passes < 2 && !dry_run &&
			    removed[RETENTION_BROADCASTS]));
	retention_free(r);
	return rc;
}

static void report(const int64_t removed[static RETENTION_KINDS])
{
	/* What was made to expire has then expired: told once. */
	int64_t expired =
	    removed[RETENTION_EXPIRED] - removed[RETENTION_BROADCASTS];

	printf("events %" PRId64 "\n", removed[RETENTION_EVENTS]);
	printf("expired notifications %" PRId64 "\n",
	       expired > 0 ? expired : 0);
	printf("read notifications %" PRId64 "\n", removed[RETENTION_READ]);
	printf("unread notifications %" PRId64 "\n", removed[RETENTION_UNREAD]);
	printf("broadcasts %" PRId64 "\n", removed[RETENTION_BROADCASTS]);
	printf("sessions and tokens %" PRId64 "\n",
	       removed[RETENTION_CREDENTIALS]);
}

int cmd_prune(int argc, char **argv, struct err *err)
{
	const char *dry_run = NULL;
	const struct cmd_option options[] = {
	    {"dry-run", NULL, "count what would go, remove nothing", &dry_run,
	     false},
	};
	const struct cmd_syntax syntax = {
	    "prune", NULL,
	    "Removes what has expired and what is beyond the retention_* keys, "
	    "and prints how many rows.",
	    options, sizeof(options) / sizeof(options[0])};
	int64_t removed[RETENTION_KINDS] = {0};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = cmd_configure(&cmd, err);
	if (result == 0)
		result = cmd_open_database(&cmd, dry_run ? CMD_READ : CMD_WRITE,
					   err);
	if (result == 0)
		result = prune(&cmd, dry_run != NULL, removed, err);
	if (result == 0)
		report(removed);
out:
	cmd_end(&cmd);
	return result;
}
