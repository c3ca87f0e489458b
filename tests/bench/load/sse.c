/*
 * sse: line by line with memchr; an event counts when its blank line is there.
 */
#include "sse.h"

#include <stdlib.h>
#include <string.h>

static int64_t number_after(const char *at, const char *end)
{
	int64_t value = 0;

	while (at < end && *at >= '0' && *at <= '9')
		value = value * 10 + (*at++ - '0');
	return value;
}

static void read_payload(struct sse_event *e, const char *line, const char *end)
{
	const char *t = memmem(line, (size_t)(end - line), "\"t\":", 4), *n;

	if (!t)
		return;
	n = memmem(t, (size_t)(end - t), "\"n\":", 4);
	if (!n)
		return;
	e->has_payload = true;
	e->sent_ns = number_after(t + 4 + (t[4] == ' '), end);
	e->number = (uint64_t)number_after(n + 4 + (n[4] == ' '), end);
}

static bool is_field(const char **line, const char *end, const char *name)
{
	size_t n = strlen(name);

	if ((size_t)(end - *line) < n || memcmp(*line, name, n) != 0)
		return false;
	*line += n;
	if (*line < end && **line == ' ')
		++*line;
	return true;
}

static void take_line(struct sse_event *e, const char *line, const char *end)
{
	if (is_field(&line, end, "data:")) {
		e->has_data = true;
		read_payload(e, line, end);
	} else if (is_field(&line, end, "id:")) {
		e->id = line;
		e->id_len = (size_t)(end - line);
	} else if (is_field(&line, end, "retry:")) {
		e->retry_ms = number_after(line, end);
	}
}

size_t sse_scan(const char *data, size_t len, sse_event_fn *fn, void *context)
{
	struct sse_event event = {.retry_ms = -1};
	const char *line = data, *limit = data + len, *lf;
	size_t used = 0;

	while ((lf = memchr(line, '\n', (size_t)(limit - line)))) {
		const char *end = lf > line && lf[-1] == '\r' ? lf - 1 : lf;

		if (end > line) {
			take_line(&event, line, end);
		} else {
			if (event.has_data || event.id || event.retry_ms >= 0)
				fn(context, &event);
			event = (struct sse_event){.retry_ms = -1};
			used = (size_t)(lf + 1 - data);
		}
		line = lf + 1;
	}
	return used;
}
