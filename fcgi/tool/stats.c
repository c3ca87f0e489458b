/*
 * stats: `belfry stats`: who listens, where the journal stands and how fast
 * things go, once or as a view that stays.
 *
 * On a terminal the view is redrawn in place, and goes on when the database is
 * away, which is when somebody looks; elsewhere each interval is one line, for
 * a log or a pipe, and what fails ends it.  Between two of them it waits for
 * signals, so that the terminal is given back however it ends, and a window
 * that changes is filled at once.
 */
#include "tool/stats.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "tool/internal.h"

#define MS_PER_S  1000
#define NS_PER_MS 1000000

static void print_json(const struct stats *s)
{
	struct buf json;

	buf_init(&json, STATS_MAX_BYTES);
	stats_put(s, &json);
	fwrite(json.data, 1, json.len, stdout);
	putchar('\n');
	buf_fini(&json);
}

static void remember(struct stats_view *v, const struct stats_moment *now)
{
	if (v->past_count < STATS_WINDOW)
		v->past_count++;
	memmove(&v->past[1], &v->past[0],
		(v->past_count - 1) * sizeof(v->past[0]));
	v->past[0] = *now;
}

/* The file under the path may be another one by now. */
static int read_stats(struct cmd *cmd, struct stats *stats, struct err *err)
{
	const struct stats_source source = {.config = cmd->config,
					    .path = cmd->path};
	int result;

	if (cmd->db && db_moved(cmd->db)) {
		db_close(cmd->db);
		cmd->db = NULL;
	}
	if (!cmd->db && cmd_open_database(cmd, CMD_READ, err) < 0)
		return -1;
	if (db_begin_read(cmd->db, err) < 0)
		return -1;
	result = stats_read(stats, &source, cmd->db, err);
	db_rollback(cmd->db);
	return result;
}

static int show(struct stats_view *v, struct cmd *cmd, struct err *err)
{
	struct stats_moment now = {.mono_ns = clock_mono_ns()};
	struct stats stats;

	if (read_stats(cmd, &stats, err) < 0)
		return -1;
	now.seq = stats.head.seq;
	metrics_look(cmd->path, &now.sample);
	if (v->json)
		print_json(&stats);
	else if (v->watch && !v->terminal)
		stats_print_line(v, &stats, &now);
	else
		stats_print_page(v, &stats, &now);
	remember(v, &now);
	stats_fini(&stats);
	return 0;
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGWINCH);
	sigaddset(set, SIGTSTP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

/* False: it is over. */
static bool wait_for_next(const struct stats_view *v, const sigset_t *signals)
{
	const struct timespec pause = {v->interval_ms / MS_PER_S,
				       (long)(v->interval_ms % MS_PER_S) *
					   NS_PER_MS};
	int signo = sigtimedwait(signals, NULL, &pause);

	if (signo == SIGTSTP) { /* the shell's, until it says "fg" */
		if (v->terminal)
			stats_give_terminal();
		raise(SIGSTOP);
		if (v->terminal)
			stats_take_terminal();
	}
	return signo < 0 || signo == SIGWINCH || signo == SIGTSTP;
}

static int show_on(struct stats_view *v, struct cmd *cmd, struct err *err)
{
	sigset_t signals;
	int result;

	block_signals(&signals);
	if (v->terminal)
		stats_take_terminal();
	do {
		result = show(v, cmd, err);
		if (result < 0 && v->terminal) {
			stats_print_trouble(v, err->message);
			result = 0;
		}
		if (result == 0 && fflush(stdout) != 0)
			result = err_set_errno(err, "standard output");
	} while (result == 0 && wait_for_next(v, &signals));
	if (v->terminal)
		stats_give_terminal();
	/* A pipe that nobody reads any more is the end, as with Ctrl-C. */
	return result < 0 && err->code == ERR_HANGUP ? 0 : result;
}

int cmd_stats(int argc, char **argv, struct err *err)
{
	const char *json = NULL, *watch = NULL, *interval = NULL;
	const struct cmd_option options[] = {
	    {"json", NULL, "as GET …/stats tells it, one line", &json, false},
	    {"watch", NULL, "again and again, until Ctrl-C", &watch, false},
	    {"interval", "D", "so often (1s)", &interval, false},
	};
	const struct cmd_syntax syntax = {
	    "stats", NULL,
	    "Prints who listens, in which process, and where the journal "
	    "stands; with --watch also how fast things go.",
	    options, sizeof(options) / sizeof(options[0])};
	struct stats_view view = {.json = false};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	view.json = json != NULL;
	view.watch = watch != NULL;
	view.terminal = view.watch && !view.json && isatty(STDOUT_FILENO);
	view.colors = view.terminal && !getenv("NO_COLOR");
	result = cmd_duration("interval", interval ? interval : "1s", 100,
			      &view.interval_ms, err);
	if (result == 0)
		result = cmd_configure(&cmd, err);
	view.path = cmd.path;
	/* What is wrong at the start is an error wherever it is shown. */
	if (result == 0)
		result = cmd_open_database(&cmd, CMD_READ, err);
	if (result == 0)
		result = view.watch ? show_on(&view, &cmd, err)
				    : show(&view, &cmd, err);
out:
	cmd_end(&cmd);
	return result;
}
