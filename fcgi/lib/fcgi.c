/*
 * A complete request goes through libfcgi's parser; what we answer is framed by
 * ourselves.
 *
 * libfcgi reads a well-formed copy of the parameters from a memfd, where
 * nothing can block.  Before that, every length of the name-value pairs is
 * checked: libfcgi 2.4.2 adds two lengths of the peer's choice without looking
 * for overflow (CVE-2025-23016).
 */
#include "lib/fcgi.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mem.h"

/* ---- framing ---- */

static void put_header(unsigned char out[static FCGI_RECORD_HEADER_BYTES],
		       enum fcgi_record type, uint16_t request_id,
		       size_t content_len)
{
	out[0] = 1;
	out[1] = (unsigned char)type;
	out[2] = (unsigned char)(request_id >> 8);
	out[3] = (unsigned char)request_id;
	out[4] = (unsigned char)(content_len >> 8);
	out[5] = (unsigned char)content_len;
	out[6] = out[7] = 0;
}

static void put_records(struct buf *b, enum fcgi_record type,
			uint16_t request_id, struct span data)
{
	unsigned char head[FCGI_RECORD_HEADER_BYTES];

	while (data.len) {
		size_t n = data.len < FCGI_RECORD_MAX_BYTES
			       ? data.len
			       : FCGI_RECORD_MAX_BYTES;

		put_header(head, type, request_id, n);
		buf_append(b, head, sizeof(head));
		buf_append(b, data.data, n);
		data.data += n;
		data.len -= n;
	}
}

void fcgi_put_stdout(struct buf *b, uint16_t request_id, struct span data)
{
	if (request_id == FCGI_NO_RECORDS)
		buf_put(b, data);
	else
		put_records(b, FCGI_RECORD_STDOUT, request_id, data);
}

void fcgi_put_end(struct buf *b, uint16_t request_id)
{
	unsigned char end[FCGI_END_BYTES] = {0};

	if (request_id == FCGI_NO_RECORDS)
		return;
	put_header(end, FCGI_RECORD_STDOUT, request_id, 0);
	put_header(end + 8, FCGI_RECORD_END_REQUEST, request_id, 8);
	buf_append(b, end, sizeof(end));
}

/* ---- request ---- */

struct request {
	FCGX_Request fcgx;
	struct buf body;
	uint16_t id;
	bool body_too_large, body_refused;
};

/* Of this thread: to make one for each request takes longer than to parse it.
 */
static _Thread_local int memfd = -1;
static _Thread_local size_t memfd_len;

/* Fills the memfd with the request as libfcgi wants it, and nothing after it;
 * the body is ours already. */
static int fill_memfd(const struct fcgi_gather *g, struct err *err)
{
	static const unsigned char begin[] = {1, 1, 0, 1, 0, 8, 0, 0,
					      0, 1, 0, 0, 0, 0, 0, 0};
	unsigned char ends[2 * FCGI_RECORD_HEADER_BYTES];
	struct buf b;
	int result = 0;

	buf_init(&b, FCGI_PARAMS_MAX_BYTES + 256);
	buf_append(&b, begin, sizeof(begin));
	put_records(&b, FCGI_RECORD_PARAMS, 1, buf_span(&g->params));
	put_header(ends, FCGI_RECORD_PARAMS, 1, 0);
	put_header(ends + FCGI_RECORD_HEADER_BYTES, FCGI_RECORD_STDIN, 1, 0);
	buf_append(&b, ends, sizeof(ends));
	if (memfd < 0) {
		memfd = memfd_create("request", MFD_CLOEXEC);
		memfd_len = 0;
	}
	if (memfd < 0 || pwrite(memfd, b.data, b.len, 0) != (ssize_t)b.len ||
	    (memfd_len > b.len && ftruncate(memfd, (off_t)b.len) < 0) ||
	    lseek(memfd, 0, SEEK_SET) < 0) {
		result = err_set_errno(err, "memfd");
		if (memfd >= 0)
			close(memfd);
		memfd = -1;
	}
	memfd_len = b.len;
	buf_fini(&b);
	return result;
}

static void init_library(void)
{
	FCGX_Init();
}

int request_parse(struct request **out, struct fcgi_gather *g, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct request *r = NULL;
	int result = -1;

	pthread_once(&once, init_library);
	if (g->params.overflow) {
		err_set(err, ERR_TOO_LARGE,
			"the request's headers and variables: expected at most "
			"%u bytes",
			FCGI_PARAMS_MAX_BYTES);
		goto out;
	}
	if (!fcgi_gather_is_whole(g)) {
		err_set(err, ERR_INVALID, "FastCGI parameters are cut off");
		goto out;
	}
	if (fill_memfd(g, err) < 0)
		goto out;
	r = mem_new(sizeof(*r));
	FCGX_InitRequest(&r->fcgx, -1, 0);
	r->fcgx.ipcFd = memfd;
	r->fcgx.keepConnection = 1; /* libfcgi leaves the descriptor alone */
	if (FCGX_Accept_r(&r->fcgx) != 0) {
		err_set(err, ERR_INVALID, "libfcgi refuses the request");
		memfd = r->fcgx.ipcFd; /* -1: libfcgi has closed it */
		FCGX_Free(&r->fcgx, 0);
		free(r);
		goto out;
	}
	r->fcgx.ipcFd = -1;
	r->body = g->body;
	r->id = g->request_id;
	r->body_too_large = g->body_too_large;
	r->body_refused = g->body_refused;
	buf_init(&g->body, g->body_max);
	*out = r;
	result = 0;
out:
	fcgi_gather_fini(g);
	return result;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	FCGX_Free(&r->fcgx, 0);
	buf_fini(&r->body);
	free(r);
}

/* Some thirty are asked for per request: FCGX_GetParam, which calls strncmp for
 * each of as many that there are, was a ninth of what opening a stream costs.
 */
const char *request_param(const struct request *r, const char *name)
{
	size_t n = strlen(name);

	for (char **p = r->fcgx.envp; p && *p; p++) {
		if ((*p)[0] == name[0] && strncmp(*p, name, n) == 0 &&
		    (*p)[n] == '=')
			return *p + n + 1;
	}
	return NULL;
}

struct span request_body(const struct request *r)
{
	return r->body.data ? buf_span(&r->body) : SPAN("");
}

uint16_t request_id(const struct request *r)
{
	return r->id;
}

bool request_body_too_large(const struct request *r)
{
	return r->body_too_large;
}

bool request_body_refused(const struct request *r)
{
	return r->body_refused;
}
