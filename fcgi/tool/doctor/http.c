/*
 * http: curl writes head and body to a pipe as they come; both are
 * read from there and taken apart, the body by what text/event-stream is.
 */
#include "tool/doctor/http.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "tool/doctor/internal.h"

#define BODY_MAX_BYTES (4u * 1024 * 1024)
#define READ_BYTES     16384
#define POLL_MS	       100

/* ---- starting ---- */

static int input_of(const char *text, struct err *err)
{
	int fd = memfd_create("headers", MFD_CLOEXEC);
	ssize_t n = (ssize_t)strlen(text);

	if (fd >= 0 && pwrite(fd, text, (size_t)n, 0) == n)
		return fd;
	err_set_errno(err, "memfd");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int spawn_curl(struct http *h, const struct http_request *request,
		      int input, int output)
{
	/* -q: no ~/.curlrc; --stderr -: its last line is why it failed. */
	const char *const words[] = {"curl",
				     "-q",
				     "-sS",
				     "-N",
				     "-i",
				     "-g",
				     "--noproxy",
				     "*",
				     "--stderr",
				     "-",
				     "-H",
				     "@-",
				     "--connect-timeout",
				     "10",
				     request->url,
				     request->insecure ? "-k" : NULL,
				     NULL};
	char *argv[sizeof(words) / sizeof(words[0])] = {NULL};
	posix_spawn_file_actions_t actions;
	size_t n = 0;
	int error;

	for (; words[n]; n++)
		argv[n] = mem_strdup(words[n]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	error = posix_spawnp(&h->pid, "curl", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	while (n)
		free(argv[--n]);
	return error;
}

int http_start(struct http *h, const struct http_request *request,
	       struct err *err)
{
	int input, ends[2], error;

	memset(h, 0, sizeof(*h));
	input = input_of(request->headers, err);
	if (input < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		err_set_errno(err, "pipe");
		close(input);
		return -1;
	}
	h->sent_ns = clock_mono_ns();
	error = spawn_curl(h, request, input, ends[1]);
	close(input);
	close(ends[1]);
	if (error) {
		close(ends[0]);
		h->pid = 0;
		errno = error;
		return err_set_errno(err, "curl (the program, which makes the "
					  "requests; apt install curl)");
	}
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
	take_field(line, "content-type:", h->type);
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
	char *text;
	const char *last;

	h->ended = true;
	buf_putc(&h->in, '\0');
	if (h->in.overflow)
		return;
	h->in.len--;
	last = NULL;
	for (text = h->in.data; (text = strstr(text, "curl: (")); text++)
		last = text;
	if (last)
		snprintf(h->why, sizeof(h->why), "%.*s",
			 (int)strcspn(last, "\n"), last);
}

bool http_wait(struct http *h, int64_t deadline_ns)
{
	struct pollfd ready = {.fd = h->fd, .events = POLLIN};
	int64_t now;
	ssize_t n;
	char *room;

	while (!h->ended && !doctor_interrupted()) {
		now = clock_mono_ns();
		if (poll(&ready, 1, now < deadline_ns ? POLL_MS : 0) <= 0) {
			if (now >= deadline_ns)
				return false;
			continue;
		}
		room = buf_reserve(&h->in, READ_BYTES);
		n = room ? read(h->fd, room, READ_BYTES) : 0;
		if (n <= 0) {
			take_end(h);
			return true;
		}
		buf_commit(&h->in, (size_t)n);
		h->last_ns = clock_mono_ns();
		if (!h->body)
			read_head(h);
		if (h->body && h->in.len > h->body && !h->body_ns)
			h->body_ns = h->last_ns;
		return true;
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
