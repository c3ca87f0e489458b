/*
 * cmd_stats: `belfry stats`: who listens and where the journal stands, once or
 * as a view that stays.
 *
 * On a terminal the view is redrawn in place, cut to its height; elsewhere each
 * interval is one line, for a log or a pipe.
 */
#include "cmd_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "stats.h"

#define NAME_WIDTH	 44
#define PROCESSES_SHOWN	 8
#define MS_PER_S	 1000
#define REDRAW		 "\033[H\033[J" /* from the top, all below is gone */
#define ROWS_OF_THE_HEAD 6
#define ROWS_WITHOUT_TTY 100000

struct view {
	bool json, watch, terminal;
	int64_t interval_ms;
	/* what was shown last, for what has come since */
	int64_t last_seq, last_ms;
};

static int rows_of_terminal(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
		return size.ws_row;
	return 24;
}

/* Events per second since the last time; below 0: there was none. */
static double rate_of(const struct view *v, const struct stats *s)
{
	int64_t ms = s->now_ms - v->last_ms;

	if (!v->last_ms || ms <= 0)
		return -1;
	return (double)(s->head.seq - v->last_seq) * MS_PER_S / (double)ms;
}

static const char *text_of_rate(char out[static 32], double rate)
{
	out[0] = '\0';
	if (rate >= 0)
		snprintf(out, 32, ", %.1f per second", rate);
	return out;
}

static int print_processes(const struct registry_survey *survey)
{
	char time[CLOCK_RFC3339_BYTES];
	unsigned shown = 0;

	for (; shown < survey->process_count && shown < PROCESSES_SHOWN;
	     shown++) {
		const struct registry_peer *p = &survey->processes[shown];

		printf("process   %d: %u streams since %s%s\n", p->pid,
		       p->streams, clock_rfc3339(time, p->started_at),
		       p->watcher ? ", watches for all" : "");
	}
	if (shown == survey->process_count)
		return (int)shown;
	printf("          and %u more\n", survey->process_count - shown);
	return (int)shown + 1;
}

static void print_users(const struct registry_survey *survey, int rows)
{
	unsigned shown = 0;

	printf("\n%-*s %s\n", NAME_WIDTH, "USER", "STREAMS");
	for (; shown < survey->user_count && rows > 1; shown++, rows--) {
		cmd_print_text(span_of(survey->users[shown].name), NAME_WIDTH);
		printf(" %u\n", survey->users[shown].streams);
	}
	if (shown < survey->user_count)
		printf("and %u more\n", survey->user_count - shown);
}

static void print_page(const struct view *v, const struct stats *s)
{
	int rows =
	    v->terminal && v->watch ? rows_of_terminal() : ROWS_WITHOUT_TTY;
	char rate[32], time[CLOCK_RFC3339_BYTES];

	if (v->terminal && v->watch) {
		fputs(REDRAW, stdout);
		printf("%s\n", clock_rfc3339(time, s->now_ms));
		rows--;
	}
	printf("streams   %u of %u, of %u users, in %u processes\n",
	       s->survey.streams, s->max_streams, s->survey.user_count,
	       s->survey.process_count);
	printf("journal   last event %" PRId64 "%s; kept after %" PRId64 "\n",
	       s->head.seq, text_of_rate(rate, rate_of(v, s)), s->head.floor);
	printf("epoch     %s\n", s->head.epoch);
	rows -= print_processes(&s->survey);
	print_users(&s->survey, rows - ROWS_OF_THE_HEAD);
}

static void print_line(const struct view *v, const struct stats *s)
{
	char time[CLOCK_RFC3339_BYTES];
	double rate = rate_of(v, s);

	printf("%s streams=%u users=%u processes=%u last=%" PRId64,
	       clock_rfc3339(time, s->now_ms), s->survey.streams,
	       s->survey.user_count, s->survey.process_count, s->head.seq);
	if (rate >= 0)
		printf(" events_per_s=%.1f", rate);
	putchar('\n');
}

static void print_json(const struct stats *s)
{
	struct buf json;

	buf_init(&json, STATS_MAX_BYTES);
	stats_put(s, &json);
	fwrite(json.data, 1, json.len, stdout);
	putchar('\n');
	buf_fini(&json);
}

static int show(struct view *v, const struct cmd *cmd, struct err *err)
{
	const struct stats_source source = {.config = cmd->config,
					    .path = cmd->path};
	struct stats stats;
	int result;

	if (db_begin_read(cmd->db, err) < 0)
		return -1;
	result = stats_read(&stats, &source, cmd->db, err);
	db_rollback(cmd->db);
	if (result < 0)
		return -1;
	if (v->json)
		print_json(&stats);
	else if (v->watch && !v->terminal)
		print_line(v, &stats);
	else
		print_page(v, &stats);
	v->last_seq = stats.head.seq;
	v->last_ms = stats.now_ms;
	stats_fini(&stats);
	if (fflush(stdout) != 0)
		return err_set_errno(err, "standard output");
	return 0;
}

static int show_on(struct view *v, const struct cmd *cmd, struct err *err)
{
	const struct timespec pause = {v->interval_ms / MS_PER_S,
				       (long)(v->interval_ms % MS_PER_S) *
					   1000000};

	while (show(v, cmd, err) == 0)
		nanosleep(&pause, NULL);
	/* A pipe that nobody reads any more is the end, as with Ctrl-C. */
	return err->code == ERR_HANGUP ? 0 : -1;
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
	    "stands.",
	    options, sizeof(options) / sizeof(options[0])};
	struct view view = {.json = false};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	view.json = json != NULL;
	view.watch = watch != NULL;
	view.terminal = isatty(STDOUT_FILENO);
	result = cmd_duration("interval", interval ? interval : "1s", 100,
			      &view.interval_ms, err);
	if (result == 0)
		result = cmd_configure(&cmd, err);
	if (result == 0)
		result = cmd_open_database(&cmd, CMD_READ, err);
	if (result == 0)
		result = view.watch ? show_on(&view, &cmd, err)
				    : show(&view, &cmd, err);
out:
	cmd_end(&cmd);
	return result;
}
