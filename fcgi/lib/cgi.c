/*
 * A second way through the program was considered: a view of the request over
 * environ, and a stream that writes plain bytes.  That would be a branch in a
 * dozen places.  As a gathering, CGI costs an encoding of the environment that
 * libfcgi then decodes: some microseconds, in a process that takes milliseconds
 * to start.  The framing functions of lib/fcgi.c have the only branches.
 */
#include "lib/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/fcgi.h"

#define BODY_MAX_NS INT64_C(30000000000)
#define NS_PER_MS   1000000
#define PIECE_BYTES (64u * 1024)

bool cgi_is_request(void)
{
	const char *gateway = getenv("GATEWAY_INTERFACE");

	return gateway && strncmp(gateway, "CGI/", 4) == 0 &&
	       getenv("REQUEST_METHOD");
}

/* ---- parameters ---- */

static void put_length(struct buf *b, size_t n)
{
	if (n < 0x80) {
		buf_putc(b, (char)n);
		return;
	}
	buf_putc(b, (char)(n >> 24 | 0x80));
	buf_putc(b, (char)(n >> 16));
	buf_putc(b, (char)(n >> 8));
	buf_putc(b, (char)n);
}

static void put_environment(struct buf *b)
{
	for (char **at = environ; *at; at++) {
		const char *value = strchr(*at, '=');

		if (!value)
			continue;
		put_length(b, (size_t)(value - *at));
		put_length(b, strlen(value + 1));
		buf_append(b, *at, (size_t)(value - *at));
		buf_puts(b, value + 1);
	}
}

/* ---- the body ---- */

/* How much there is to come; SIZE_MAX: until it ends (Apache leaves the length
 * out when the client sent chunks). */
static int body_length(size_t *length, struct err *err)
{
	const char *text = getenv("CONTENT_LENGTH");
	unsigned long long value;
	char *end;

	if (!text || !*text) {
		*length = getenv("HTTP_TRANSFER_ENCODING") ? SIZE_MAX : 0;
		return 0;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value >= SIZE_MAX)
		return err_set(
		    err, ERR_INVALID,
		    "CONTENT_LENGTH: expected a number, found \"%s\"", text);
	*length = (size_t)value;
	return 0;
}

/* Bytes, or 0 at the end, or -1. */
static ssize_t read_some(char *out, size_t n, int64_t until_ns, struct err *err)
{
	struct pollfd p = {STDIN_FILENO, POLLIN, 0};
	ssize_t got;

	do {
		int64_t left = until_ns - clock_mono_ns();
		int ready =
		    left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;

		if (ready == 0)
			return err_set(err, ERR_HANGUP,
				       "the body did not come in time");
		got = ready < 0 ? -1 : read(STDIN_FILENO, out, n);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	return got < 0 ? err_set_errno(err, "the body") : got;
}

/* What is over the limit is read as well, and dropped: a web server that can't
 * get rid of it would not look at the answer. */
static int read_body(struct fcgi_gather *g, struct err *err)
{
	int64_t until_ns = clock_mono_ns() + BODY_MAX_NS;
	static char piece[PIECE_BYTES];
	size_t left = 0;

	if (body_length(&left, err) < 0)
		return -1;
	while (left) {
		size_t want = left < sizeof(piece) ? left : sizeof(piece);
		ssize_t n = read_some(piece, want, until_ns, err);

		if (n < 0)
			return -1;
		if (n == 0 && left == SIZE_MAX)
			return 0;
		if (n == 0)
			return err_set(err, ERR_HANGUP, "the body broke off");
		if (left != SIZE_MAX)
			left -= (size_t)n;
		if (g->body_too_large)
			continue;
		buf_append(&g->body, piece, (size_t)n);
		g->body_too_large = g->body.overflow;
		if (g->body_too_large)
			buf_fini(&g->body);
	}
	return 0;
}

int cgi_gather(struct fcgi_gather *g, size_t body_max_bytes, struct err *err)
{
	fcgi_gather_init(g, body_max_bytes);
	g->request_id = FCGI_NO_RECORDS;
	put_environment(&g->params);
	if (read_body(g, err) == 0)
		return 0;
	fcgi_gather_fini(g);
	return -1;
}

int cgi_take_output(int *out, struct err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (null < 0 || fd < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
		err_set_errno(err, "standard output");
		if (null >= 0)
			close(null);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (null > STDERR_FILENO)
		close(null);
	*out = fd;
	return 0;
}
