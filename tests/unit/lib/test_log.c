/*
 * What really arrives on descriptor 2: a pipe is put there for each test.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"

struct capture {
	int saved, reading;
	char text[1 << 16];
};

static int capture_begin(void **state)
{
	struct capture *c = calloc(1, sizeof(*c));
	int ends[2];

	if (!c || pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1;
	c->saved = dup(STDERR_FILENO);
	c->reading = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	log_init(LOG_LEVEL_DEBUG, LOG_TARGET_STDERR);
	*state = c;
	return 0;
}

static int capture_end(void **state)
{
	struct capture *c = *state;

	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->reading);
	free(c);
	return 0;
}

/* All that was written since the last call. */
static const char *captured(struct capture *c)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(c->reading, c->text + len,
			 sizeof(c->text) - 1 - len)) > 0)
		len += (size_t)n;
	c->text[len] = '\0';
	return c->text;
}

static int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void a_line_has_time_level_event_fields(void **state)
{
	char t[LOG_TEXT_BYTES], when[25];
	int64_t ms;
	const char *line;

	log_info("stream-open", "user=%s streams=%u",
		 log_text(t, SPAN("alice")), 3u);
	line = captured(*state);
	memcpy(when, line, 24);
	when[24] = '\0';
	assert_int_equal(clock_parse_rfc3339(when, &ms), 0);
	assert_string_equal(line + 24,
			    " info stream-open user=\"alice\" streams=3\n");
	log_error("e1", "x=1");
	assert_string_equal(captured(*state) + 24, " error e1 x=1\n");
	log_warn("e2", "%s", "");
	assert_string_equal(captured(*state) + 24, " warn e2\n");
	log_debug("e3", "x=1");
	assert_string_equal(captured(*state) + 24, " debug e3 x=1\n");
}

static void the_level_decides(void **state)
{
	log_init(LOG_LEVEL_WARN, LOG_TARGET_STDERR);
	log_info("level", "x=1");
	log_debug("level", "x=1");
	assert_string_equal(captured(*state), "");
	log_warn("level", "x=1");
	assert_int_equal(count_lines(captured(*state)), 1);
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	assert_true(log_enabled(LOG_LEVEL_WARN));
	assert_false(log_enabled(LOG_LEVEL_INFO));
}

static void a_line_stays_one_line_and_is_bounded(void **state)
{
	char text[8000];
	const char *line;
	size_t len;

	log_info("lines", "%s", "a\nb\r\xff");
	assert_string_equal(captured(*state) + 24, " info lines a b ?\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("lines", "%s", text);
	line = captured(*state);
	len = strlen(line);
	assert_in_range(len, 1000, 4096);
	assert_int_equal(count_lines(line), 1);
	assert_string_equal(line + len - 4, "…\n");
}

static void errno_survives_a_line_that_can_not_be_written(void **state)
{
	struct capture *c = *state;
	int pipe_end = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	errno = ENOTTY;
	log_info("errno", "x=1");
	assert_int_equal(errno, ENOTTY);
	dup2(pipe_end, STDERR_FILENO);
	close(pipe_end);
	log_info("errno", "x=2");
	assert_string_equal(captured(c) + 24, " info errno x=2\n");
}

/* Every line is printed or counted, and what is counted is told.  It has to
 * outlast the second that the limit is for: waits for the line, not for a
 * time. */
static void a_flood_is_counted(void **state)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	int64_t start = clock_mono_ns();
	const int flood = 10 * LOG_BURST;
	int printed = 0, sent, told = 0;
	const char *line, *count = NULL;
	bool within_a_second;

	for (sent = 0; sent < flood; sent++)
		log_info("flood", "n=%d", sent);
	within_a_second = clock_mono_ns() - start < INT64_C(1000000000);
	line = captured(*state);
	printed = count_lines(line);
	assert_true(printed >= LOG_BURST);
	if (within_a_second)
		assert_int_equal(printed, LOG_BURST);
	count = strstr(line, " suppressed=");

	log_info("another-event", "x=1");
	assert_int_equal(count_lines(captured(*state)), 1);

	while (!count) {
		nanosleep(&pause, NULL);
		log_info("flood", "n=%d", sent++);
		line = captured(*state);
		printed += count_lines(line);
		count = strstr(line, " suppressed=");
	}
	told = atoi(count + strlen(" suppressed="));
	if (within_a_second)
		assert_int_equal(printed + told, sent);
	assert_true(told > 0);
	/* Once: the next line does not tell it again. */
	log_info("flood", "n=%d", sent);
	assert_null(strstr(captured(*state), "suppressed"));
}

/* A pipe that nobody reads, and a blocking one. */
static void a_reader_that_does_not_read_stops_nobody(void **state)
{
	struct capture *c = *state;
	unsigned long before = log_dropped();
	int flags = fcntl(STDERR_FILENO, F_GETFL), sent = 0, lines;
	const char *line;

	fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK);
	while (log_dropped() < before + 10 && sent < 100000)
		log_debug("full", "n=%d", sent++);
	assert_in_range(sent, 100, 99999);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	lines = 0;
	do {
		line = captured(c);
		lines += count_lines(line);
	} while (*line);
	assert_int_equal(lines + 10, sent);
	log_info("again", "x=1");
	line = captured(c);
	assert_non_null(strstr(line, " warn log-dropped lines=10\n"));
	assert_non_null(strstr(line, " info again x=1\n"));
	assert_int_equal(count_lines(line), 2);
}

static void debug_is_never_limited(void **state)
{
	int i;

	for (i = 0; i < 4 * LOG_BURST; i++)
		log_debug("debug-flood", "n=%d", i);
	assert_int_equal(count_lines(captured(*state)), 4 * LOG_BURST);
}

static void *log_some(void *argument)
{
	const char *event = argument;
	int i;

	for (i = 0; i < LOG_BURST; i++)
		log_debug(event, "abcdefghijklmnopqrstuvwxyz");
	return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
	static char names[4][8] = {"t0", "t1", "t2", "t3"};
	pthread_t threads[4];
	const char *p;
	int i, lines = 0;

	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, log_some, names[i]);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (p = captured(*state); *p; p = strchr(p, '\n') + 1, lines++) {
		assert_memory_equal(p + 24, " debug t", 8);
		assert_memory_equal(p + 33, " abcdefghijklmnopqrstuvwxyz\n",
				    28);
	}
	assert_int_equal(lines, 4 * LOG_BURST);
}

static void assert_text(struct span text, const char *expected)
{
	char out[LOG_TEXT_BYTES];

	assert_ptr_equal(log_text(out, text), out);
	assert_string_equal(out, expected);
}

static void outside_text_is_made_safe(void **state)
{
	(void)state;
	assert_text(SPAN("alice"), "\"alice\"");
	assert_text(SPAN(""), "\"\"");
	assert_text(SPAN_NONE, "-");
	assert_text(SPAN("a\"b\\c"), "\"a\\\"b\\\\c\"");
	assert_text(SPAN("a\nb\0c\x1b\x7f"), "\"a\\x0ab\\x00c\\x1b\\x7f\"");
	assert_text(SPAN("\xff\xe2\x82"), "\"\\xff\\xe2\\x82\"");
	assert_text(SPAN("\xc2\x9b"), "\"\\u009b\"");
	assert_text(SPAN("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
}

static void outside_text_is_cut(void **state)
{
	/* Longer than it has to be, so that what is too long shows. */
	char text[1000], out[2 * LOG_TEXT_BYTES];
	size_t len;

	(void)state;
	memset(text, '\n', sizeof(text));
	for (len = 0; len < sizeof(text); len++) {
		log_text(out, (struct span){text, len});
		assert_true(strlen(out) < LOG_TEXT_BYTES);
		assert_int_equal(out[strlen(out) - 1], '"');
	}
	assert_string_equal(out + strlen(out) - 8, "\\x0a…\"");
}

int main(void)
{
#define CAPTURED(test)                                                         \
	cmocka_unit_test_setup_teardown(test, capture_begin, capture_end)
	const struct CMUnitTest tests[] = {
	    CAPTURED(a_line_has_time_level_event_fields),
	    CAPTURED(the_level_decides),
	    CAPTURED(a_line_stays_one_line_and_is_bounded),
	    CAPTURED(errno_survives_a_line_that_can_not_be_written),
	    CAPTURED(a_flood_is_counted),
	    CAPTURED(a_reader_that_does_not_read_stops_nobody),
	    CAPTURED(debug_is_never_limited),
	    CAPTURED(threads_do_not_mix_lines),
	    cmocka_unit_test(outside_text_is_made_safe),
	    cmocka_unit_test(outside_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
