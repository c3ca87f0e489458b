/*
 * stats_print: a page for a terminal, a line for a pipe.
 *
 * The page is cut to the terminal's height by its rows, and to its width by the
 * terminal, which is told not to wrap.  What wants somebody's attention is red,
 * unless NO_COLOR says otherwise.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/clock.h"
#include "stream/event.h"
#include "tool/internal.h"
#include "tool/stats.h"

#define NAME_WIDTH	 44
#define PROCESSES_SHOWN	 8
#define ROWS_WITHOUT_TTY 100000
#define ROWS_IF_UNKNOWN	 24
#define NS_PER_S	 1e9
#define NEARLY_FULL	 0.9

#define OTHER_SCREEN                                                           \
	"\033[?1049h\033[?25l\033[?7l" /* no cursor, no wrapping               \
					*/
#define FIRST_SCREEN "\033[?7h\033[?25h\033[?1049l"
#define FROM_THE_TOP "\033[H"
#define REST_OF_LINE "\033[K"
#define REST_OF_PAGE "\033[J"
#define RED	     "\033[1;31m"
#define REVERSED     "\033[7m"
#define PLAIN	     "\033[0m"

void stats_take_terminal(void)
{
	fputs(OTHER_SCREEN, stdout);
	fflush(stdout);
}

void stats_give_terminal(void)
{
	fputs(FIRST_SCREEN, stdout);
	fflush(stdout);
}

static int rows_of(const struct stats_view *v)
{
	struct winsize size;

	if (!v->terminal)
		return ROWS_WITHOUT_TTY;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
		return size.ws_row;
	return ROWS_IF_UNKNOWN;
}

/* ---- the page ---- */

static void end_line(const struct stats_view *v)
{
	puts(v->terminal ? REST_OF_LINE : "");
}

static void mark(const struct stats_view *v, bool bad, const char *how)
{
	if (bad && v->colors)
		fputs(how, stdout);
}

static void print_number(const struct stats_view *v, const char *name,
			 const char *text, bool bad)
{
	mark(v, bad, RED);
	printf("  %s %s", name, text);
	mark(v, bad, PLAIN);
}

static int print_title(const struct stats_view *v, int64_t now_ms)
{
	char time[CLOCK_RFC3339_BYTES];

	if (!v->terminal)
		return 0;
	fputs(FROM_THE_TOP, stdout);
	mark(v, true, REVERSED);
	printf("belfry stats  %.19s", clock_rfc3339(time, now_ms));
	printf("  every %g s, Ctrl-C ends  ", (double)v->interval_ms / 1000);
	cmd_print_text(span_of(v->path), 0);
	mark(v, true, PLAIN);
	end_line(v);
	return 1;
}

static int print_head(const struct stats_view *v, const struct stats *s,
		      const struct stats_moment *now)
{
	char text[STATS_TEXT_BYTES];

	fputs("streams ", stdout);
	snprintf(text, sizeof(text), "%u of %u", s->survey.streams,
		 s->max_streams);
	print_number(v, "open", text,
		     s->survey.streams > NEARLY_FULL * s->max_streams);
	snprintf(text, sizeof(text), "%u", s->survey.user_count);
	print_number(v, "users", text, false);
	snprintf(text, sizeof(text), "%u", s->survey.process_count);
	print_number(v, "processes", text, false);
	snprintf(text, sizeof(text), "%" PRId64, now->sample.lagging);
	print_number(v, "lagging", text, now->sample.lagging > 0);
	end_line(v);
	printf("journal   head %" PRId64 "  floor %" PRId64 "  epoch %s",
	       s->head.seq, s->head.floor, s->head.epoch);
	end_line(v);
	return 2;
}

struct item {
	const char *name;
	int first, last; /* counters */
};

static void print_rates(const struct stats_view *v,
			const struct stats_moment *now)
{
	static const struct item items[] = {
	    {"delivered", METRIC_DELIVERED, METRIC_DELIVERED},
	    {"connects", METRIC_CONNECT_OPENED, METRIC_CONNECT_OPENED},
	    {"answers", METRIC_ANSWER, METRIC_ANSWER_END - 1},
	};
	char text[STATS_TEXT_BYTES];

	fputs("rates   ", stdout);
	print_number(v, "events",
		     stats_rate(text, v, now, stats_events(v, now)), false);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		print_number(v, items[i].name,
			     stats_rate(text, v, now,
					stats_grown(v, now, items[i].first,
						    items[i].last)),
			     false);
	end_line(v);
}

/* Only what there is, so that it is seen. */
static void print_trouble(const struct stats_view *v,
			  const struct stats_moment *now)
{
	static const struct item items[] = {
	    {"limited", METRIC_LIMITED, METRIC_LIMITED_END - 1},
	    {"refused", METRIC_CONNECT_REFUSED, METRIC_CONNECT_FAILED},
	    {"resets", METRIC_RESUME_RESET, METRIC_RESUME_RESET_END - 1},
	    {"blocked", METRIC_BLOCKED, METRIC_BLOCKED},
	    {"evicted", METRIC_END + EVENT_CLOSE_EVICTED,
	     METRIC_END + EVENT_CLOSE_EVICTED},
	    {"5xx", METRIC_ANSWER_END - 1, METRIC_ANSWER_END - 1},
	    {"database errors", METRIC_DATABASE_BUSY,
	     METRIC_DATABASE_UNAVAILABLE},
	    {"log lines lost", METRIC_LOG_DROPPED, METRIC_LOG_DROPPED},
	};
	char text[STATS_TEXT_BYTES];
	bool any = false;

	fputs("trouble ", stdout);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		uint64_t n = stats_grown(v, now, items[i].first, items[i].last);

		if (!n)
			continue;
		print_number(v, items[i].name, stats_rate(text, v, now, n),
			     true);
		any = true;
	}
	if (!any)
		fputs("  none", stdout);
	end_line(v);
}

/* What goes on: of a view that stays, as there are no rates of one moment. */
static int print_flow(const struct stats_view *v,
		      const struct stats_moment *now)
{
	char text[STATS_TEXT_BYTES];

	if (!v->watch)
		return 0;
	print_rates(v, now);
	fputs("lag     ", stdout);
	print_number(v, "half within", stats_lag(text, v, now, 0.5), false);
	stats_lag(text, v, now, 0.99);
	print_number(v, "99 % within", text, strcmp(text, STATS_TOO_LATE) == 0);
	printf("  (last %g s)",
	       (double)v->past_count * (double)v->interval_ms / 1000);
	end_line(v);
	print_trouble(v, now);
	return 3;
}

static int print_processes(const struct stats_view *v, const struct stats *s)
{
	const struct registry_survey *survey = &s->survey;
	char text[STATS_TEXT_BYTES];
	unsigned shown = 0;

	if (!survey->process_count)
		return 0;
	end_line(v);
	printf("%-10s %8s  %s", "PROCESS", "STREAMS", "RUNNING FOR");
	end_line(v);
	for (; shown < survey->process_count && shown < PROCESSES_SHOWN;
	     shown++) {
		const struct registry_peer *p = &survey->processes[shown];

		printf(p->watcher ? "%-10d %8u  %-12s  watches for all"
				  : "%-10d %8u  %s",
		       p->pid, p->streams,
		       stats_age(text, s->now_ms - p->started_at));
		end_line(v);
	}
	if (shown == survey->process_count)
		return (int)shown + 2;
	printf("and %u more", survey->process_count - shown);
	end_line(v);
	return (int)shown + 3;
}

/* In rows lines: the head, and the last for those that find no room. */
static void print_users(const struct stats_view *v,
			const struct registry_survey *survey, int rows)
{
	unsigned shown = 0;

	if (!survey->user_count || rows < 3)
		return;
	end_line(v);
	printf("%-*s %s", NAME_WIDTH, "USER", "STREAMS");
	end_line(v);
	rows -= 2;
	for (; shown < survey->user_count; shown++) {
		if (--rows == 0 && shown + 1 < survey->user_count)
			break;
		cmd_print_text(span_of(survey->users[shown].name), NAME_WIDTH);
		printf(" %7u", survey->users[shown].streams);
		end_line(v);
	}
	if (shown == survey->user_count)
		return;
	printf("and %u more", survey->user_count - shown);
	end_line(v);
}

void stats_print_page(const struct stats_view *v, const struct stats *s,
		      const struct stats_moment *now)
{
	int rows = rows_of(v) - 1; /* after the last one is the cursor */

	rows -= print_title(v, s->now_ms);
	rows -= print_head(v, s, now);
	rows -= print_flow(v, now);
	rows -= print_processes(v, s);
	print_users(v, &s->survey, rows);
	if (v->terminal)
		fputs(REST_OF_PAGE, stdout);
}

void stats_print_trouble(const struct stats_view *v, const char *why)
{
	print_title(v, clock_wall_ms());
	mark(v, true, RED);
	cmd_print_text(span_of(why), 0);
	mark(v, true, PLAIN);
	end_line(v);
	fputs(REST_OF_PAGE, stdout);
}

/* ---- the line ---- */

void stats_print_line(const struct stats_view *v, const struct stats *s,
		      const struct stats_moment *now)
{
	const struct stats_moment *before = v->past_count ? &v->past[0] : now;
	int64_t p99 = metrics_lag_between(&before->sample, &now->sample, 0.99);
	char time[CLOCK_RFC3339_BYTES];
	double seconds = (double)(now->mono_ns - before->mono_ns) / NS_PER_S;

	printf("%s streams=%u users=%u processes=%u lagging=%" PRId64
	       " last=%" PRId64,
	       clock_rfc3339(time, s->now_ms), s->survey.streams,
	       s->survey.user_count, s->survey.process_count,
	       now->sample.lagging, s->head.seq);
	if (seconds > 0)
		printf(" events_per_s=%.1f delivered_per_s=%.1f",
		       (double)stats_events(v, now) / seconds,
		       (double)stats_grown(v, now, METRIC_DELIVERED,
					   METRIC_DELIVERED) /
			   seconds);
	if (p99 == INT64_MAX)
		fputs(" lag_p99_ms=inf", stdout);
	else if (p99 >= 0)
		printf(" lag_p99_ms=%" PRId64, p99);
	putchar('\n');
}
