/*
 * answer: responses in CGI form.
 *
 * The head is written last, when status and body are known, from `headers`
 * (what anybody added on the way) and a few lines that every answer has.  So
 * an answer that has become wrong (a commit that failed) is replaced by a
 * problem without leaving half of itself behind.
 */
#include "api/answer.h"

#include <string.h>
#include <strings.h>

#include "lib/err.h"
#include "lib/json.h"
#include "stream/open.h"

#define PROBLEM_MAX_BYTES 4096

#define NOSNIFF "X-Content-Type-Options: nosniff\r\n"
/* On every answer but a stream.  No page of anybody may frame it, embed it, or
 * run what is in it; and a ticket in its URL goes nowhere else. */
#define SECURITY_HEADERS                                                       \
	NOSNIFF                                                                \
	"Content-Security-Policy: default-src 'none'; "                        \
	"frame-ancestors 'none'\r\n"                                           \
	"Cross-Origin-Resource-Policy: same-origin\r\n"                        \
	"Referrer-Policy: no-referrer\r\n"

void answer_init(struct answer *a)
{
	memset(a, 0, sizeof(*a));
	buf_init(&a->bytes, ANSWER_MAX_BYTES);
	buf_init(&a->headers, ANSWER_HEADERS_MAX_BYTES);
}

void answer_fini(struct answer *a)
{
	buf_fini(&a->bytes);
	buf_fini(&a->headers);
	stream_open_free(a->open);
	a->open = NULL;
}

void answer_header(struct answer *a, const char *name, const char *value)
{
	size_t before = a->headers.len;

	if (value[strcspn(value, "\r\n")])
		return;
	buf_printf(&a->headers, "%s: %s\r\n", name, value);
	if (!a->headers.overflow)
		return;
	buf_truncate(&a->headers, before);
	a->headers.overflow = false;
}

static bool has_header(const struct answer *a, const char *name)
{
	size_t n = strlen(name);
	const char *p = a->headers.data;
	const char *end = p ? p + a->headers.len : NULL;

	while (p && p < end) {
		if ((size_t)(end - p) > n && p[n] == ':' &&
		    strncasecmp(p, name, n) == 0)
			return true;
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return false;
}

static void begin_head(struct answer *a, int status)
{
	buf_reset(&a->bytes);
	a->status = status;
	buf_printf(&a->bytes, "Status: %d %s\r\n", status,
		   answer_reason(status));
	buf_put(&a->bytes, buf_span(&a->headers));
	if (a->request_id)
		buf_printf(&a->bytes, "X-Request-Id: %s\r\n", a->request_id);
	buf_puts(&a->bytes, SECURITY_HEADERS);
	if (!has_header(a, "Cache-Control"))
		buf_puts(&a->bytes, "Cache-Control: no-store\r\n");
}

static void write_body(struct answer *a, int status, const char *type,
		       struct span body)
{
	begin_head(a, status);
	buf_printf(&a->bytes,
		   "Content-Type: %s\r\n"
		   "Content-Length: %zu\r\n\r\n",
		   type, body.len);
	if (!a->head_only)
		buf_put(&a->bytes, body);
}

void answer_json(struct answer *a, int status, struct span json)
{
	struct err err;

	write_body(a, status, "application/json", json);
	if (!a->bytes.overflow)
		return;
	err_set(&err, ERR_INTERNAL, "the answer is larger than %u MiB",
		ANSWER_MAX_BYTES >> 20);
	answer_problem(a, &err);
}

void answer_text(struct answer *a, const char *type, struct span text)
{
	write_body(a, 200, type, text);
}

void answer_empty(struct answer *a, int status)
{
	begin_head(a, status);
	buf_puts(&a->bytes, "\r\n");
}

/* lighttpd keeps 224 bytes for each of these lines as long as the stream is
 * open, so there is none that says nothing of a stream: a policy for contents
 * or referrers is one for documents, and a page that embeds a stream gets none
 * in the first place (api/stream.c). */
void answer_stream_head(struct answer *a)
{
	buf_reset(&a->bytes);
	a->status = 200;
	buf_puts(&a->bytes, "Status: 200 OK\r\n");
	buf_put(&a->bytes, buf_span(&a->headers));
	buf_puts(&a->bytes, "Content-Type: text/event-stream; charset=utf-8\r\n"
			    "Cache-Control: no-store, no-transform\r\n"
			    "X-Accel-Buffering: no\r\n" NOSNIFF "\r\n");
}

/* ---- problems ---- */

/* Seconds after which asking again makes sense: a lock is held for moments, a
 * database that is away or full needs a person. */
static const char *retry_after(int status, enum err_code code)
{
	if (status != 429 && status != 503)
		return NULL;
	return code == ERR_BUSY || code == ERR_LIMITED ? "1" : "5";
}

void answer_problem_status(struct answer *a, int status, const struct err *err)
{
	const char *retry = retry_after(status, err->code);
	struct buf body;

	stream_open_free(a->open);
	a->open = NULL;
	if (status == 401)
		answer_header(a, "WWW-Authenticate", "Bearer");
	if (retry && !has_header(a, "Retry-After"))
		answer_header(a, "Retry-After", retry);

	/* A message is at most 512 bytes; escaped six times that. */
	buf_init(&body, PROBLEM_MAX_BYTES);
	buf_printf(&body, "{\"type\":\"urn:belfry:error:%s\",\"title\":\"%s\",",
		   err_name(err->code), answer_reason(status));
	buf_printf(&body, "\"status\":%d,\"detail\":", status);
	json_write_string(&body, span_of(err->message));
	buf_putc(&body, '}');
	write_body(a, status, "application/problem+json", buf_span(&body));
	buf_fini(&body);
}

void answer_problem(struct answer *a, const struct err *err)
{
	answer_problem_status(a, answer_status_of((int)err->code), err);
}

int answer_status_of(int err_code)
{
	static const short status[ERR_CODES] = {
	    [ERR_INVALID] = 400,     [ERR_UNAUTHORIZED] = 401,
	    [ERR_DENIED] = 403,	     [ERR_NOT_FOUND] = 404,
	    [ERR_METHOD] = 405,	     [ERR_CONFLICT] = 409,
	    [ERR_TOO_LARGE] = 413,   [ERR_MEDIA_TYPE] = 415,
	    [ERR_LIMITED] = 429,     [ERR_BUSY] = 503,
	    [ERR_UNAVAILABLE] = 503, [ERR_READONLY] = 503,
	    [ERR_FULL] = 507,	     [ERR_CORRUPT] = 503,
	};

	if (err_code < 0 || err_code >= ERR_CODES || !status[err_code])
		return 500;
	return status[err_code];
}

const char *answer_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {204, "No Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {409, "Conflict"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {503, "Service Unavailable"},
	    {507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}
