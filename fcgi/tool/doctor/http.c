/*
 * http: curl writes the head and the body to a pipe as they come.  They are
 * read from there and taken apart, the body as text/event-stream.
 */
#include "tool/doctor/http.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "tool/doctor/internal.h"

#define BODY_MAX_BYTES (4u * 1024 * 1024)
#define READ_BYTES     16384
#define POLL_MS	       100

/* ---- starting ---- */

/* In the child.  -q: no ~/.curlrc; --stderr -: the last line says why it
 * failed.  Where there is no curl, the only line says so. */
static void run_curl(const char *url, bool insecure, int input, int output)
{
	if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
		execlp("curl", "curl", "-q", "-sS", "-N", "-i", "-g",
		       "--noproxy", "*", "--stderr", "-", "-H", "@-",
		       "--connect-timeout", "10", url, insecure ? "-k" : NULL,
		       (char *)NULL);
	dprintf(output,
		"curl (the program, which makes the requests; apt install "
		"curl): %s\n",
		strerror(errno));
	_exit(1);
}

int http_start(struct http *h, const char *url, const char *headers,
	       bool insecure, struct err *err)
{
	size_t n = strlen(headers);
	int input, ends[2];
	pid_t pid = -1;

	memset(h, 0, sizeof(*h));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(err, "pipe");
	h->sent_ns = clock_mono_ns();
	input = memfd_create("headers", MFD_CLOEXEC);
	if (input >= 0 && pwrite(input, headers, n, 0) == (ssize_t)n)
		pid = fork();
	if (pid == 0)
		run_curl(url, insecure, input, ends[1]);
	if (pid < 0)
		err_set_errno(err, "curl");
	if (input >= 0)
		close(input);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -1;
	}
	h->pid = pid;
	h->fd = ends[0];
	buf_init(&h->in, BODY_MAX_BYTES);
	return 0;
}

void http_stop(struct http *h)
{
	if (!h->pid)
		return;
	kill(h->pid, SIGKILL);
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(h->fd);
	buf_fini(&h->in);
	h->pid = 0;
}

/* ---- reading ---- */

static void take_field(struct span line, const char *name,
		       char out[static HTTP_FIELD_BYTES])
{
	size_t n = strlen(name);

	if (line.len <= n || strncasecmp(line.data, name, n) != 0)
		return;
	for (; n < line.len && line.data[n] == ' '; n++)
		;
	snprintf(out, HTTP_FIELD_BYTES, "%.*s", (int)(line.len - n),
		 line.data + n);
}

static void take_line(struct http *h, struct span line)
{
	int end = 0;

	if (line.len > 5 && strncmp(line.data, "HTTP/", 5) == 0) {
		sscanf(line.data, "%15s %n", h->version, &end);
		h->status = atoi(line.data + end);
	}
	take_field(line, "server:", h->server);
	take_field(line, "content-encoding:", h->encoding);
}

/* A head ends with an empty line; that of a 1xx is not the answer's. */
static void read_head(struct http *h)
{
	size_t at = 0;
	const char *end;

	while ((end = memchr(h->in.data + at, '\n', h->in.len - at))) {
		struct span line = {h->in.data + at,
				    (size_t)(end - h->in.data) - at};

		at += line.len + 1;
		while (line.len && line.data[line.len - 1] == '\r')
			line.len--;
		if (line.len) {
			take_line(h, line);
		} else if (h->status >= 200) {
			h->body = at;
			return;
		}
	}
	h->status = 0;
}

static void take_end(struct http *h)
{
	const char *last;

	h->ended = true;
	buf_putc(&h->in, '\0');
	if (h->in.overflow)
		return;
	h->in.len--;
	/* Without a head, all that came is the reason. */
	last = h->body ? NULL : h->in.data;
	for (const char *at = h->in.data; (at = strstr(at, "curl: (")); at++)
		last = at;
	if (last)
		snprintf(h->why, sizeof(h->why), "%.*s",
			 (int)strcspn(last, "\n"), last);
}

static void take_input(struct http *h)
{
	char *room = buf_reserve(&h->in, READ_BYTES);
	ssize_t n = room ? read(h->fd, room, READ_BYTES) : 0;

	if (n <= 0) {
		take_end(h);
		return;
	}
	buf_commit(&h->in, (size_t)n);
	h->last_ns = clock_mono_ns();
	if (!h->body)
		read_head(h);
	if (h->body && h->in.len > h->body && !h->body_ns)
		h->body_ns = h->last_ns;
}

bool http_wait(struct http *h, int64_t deadline_ns)
{
	struct pollfd ready = {.fd = h->fd, .events = POLLIN};

	while (!h->ended && !doctor_interrupted()) {
		bool late = clock_mono_ns() >= deadline_ns;

		/* What is there already is taken even when it is late. */
		if (poll(&ready, 1, late ? 0 : POLL_MS) > 0) {
			take_input(h);
			return true;
		}
		if (late)
			return false;
	}
	return h->ended;
}

struct span http_body(const struct http *h)
{
	if (!h->body)
		return SPAN("");
	return (struct span){h->in.data + h->body, h->in.len - h->body};
}

/* ---- events ---- */

static void take_value(struct span line, struct span name, struct span *out)
{
	if (line.len >= name.len && memcmp(line.data, name.data, name.len) == 0)
		*out = (struct span){line.data + name.len, line.len - name.len};
}

bool http_next_event(const struct http *h, size_t *at, struct http_event *out)
{
	struct span body = http_body(h), line;
	struct http_event event = {SPAN(""), SPAN(""), SPAN("")};
	const char *end;
	size_t p = *at;

	while (p < body.len &&
	       (end = memchr(body.data + p, '\n', body.len - p))) {
		line =
		    (struct span){body.data + p, (size_t)(end - body.data) - p};
		p += line.len + 1;
		if (line.len) {
			take_value(line, SPAN("event: "), &event.name);
			take_value(line, SPAN("data: "), &event.data);
			take_value(line, SPAN("id: "), &event.id);
			continue;
		}
		*at = p;
		*out = event;
		return true;
	}
	return false;
}
