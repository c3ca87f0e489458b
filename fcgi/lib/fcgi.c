/*
 * fcgi: gathering, libfcgi's parser on a memfd, framing.
 *
 * FCGX_Accept_r on a socket can be held up by a peer: one that sends a single
 * byte blocks it for ever.  So the loop gathers a request by a state machine
 * that takes pieces of any size and keeps contents only (a peer of 1-byte
 * records costs no more than one of large ones), and libfcgi gets a complete,
 * well-formed copy of the parameters in a memfd, where nothing can block.
 *
 * Before that, every length of the name-value pairs is checked: libfcgi 2.4.2
 * adds two lengths of the peer's choice without looking for overflow
 * (CVE-2025-23016).
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

enum {
	TYPE_BEGIN_REQUEST = 1,
	TYPE_ABORT_REQUEST = 2,
	TYPE_PARAMS = 4,
	TYPE_STDIN = 5
};
enum { ROLE_RESPONDER = 1 };

/* ---- gather ---- */

void fcgi_gather_init(struct fcgi_gather *g, size_t body_max_bytes)
{
	memset(g, 0, sizeof(*g));
	buf_init(&g->params, FCGI_PARAMS_MAX_BYTES);
	buf_init(&g->body, body_max_bytes);
	g->body_max = body_max_bytes;
}

void fcgi_gather_fini(struct fcgi_gather *g)
{
	buf_fini(&g->params);
	buf_fini(&g->body);
}

void fcgi_gather_refuse_body(struct fcgi_gather *g)
{
	buf_fini(&g->body);
	g->body_refused = true;
}

static uint16_t record_id(const struct fcgi_gather *g)
{
	return (uint16_t)(g->head[2] << 8 | g->head[3]);
}

/* Records of other requests (management: id 0) are read over: the web servers
 * that exist send none. */
static bool record_is_ours(const struct fcgi_gather *g)
{
	return g->request_id && record_id(g) == g->request_id;
}

static enum fcgi_gathered begin_request(struct fcgi_gather *g, struct err *err)
{
	int role = g->begin[0] << 8 | g->begin[1];

	if (role != ROLE_RESPONDER) {
		err_set(err, ERR_INVALID,
			"FastCGI role %d, expected 1 (responder)", role);
		return FCGI_BAD;
	}
	g->request_id = record_id(g);
	return FCGI_MORE;
}

/* The header of a record is there: is the record allowed here? */
static enum fcgi_gathered record_starts(struct fcgi_gather *g, struct err *err)
{
	size_t length = (size_t)(g->head[4] << 8 | g->head[5]);

	g->content_left = length;
	g->padding_left = g->head[6];
	if (g->head[0] != 1) {
		err_set(err, ERR_INVALID, "FastCGI version %u, expected 1",
			g->head[0]);
		return FCGI_BAD;
	}
	if (g->head[1] == TYPE_BEGIN_REQUEST) {
		if (length == sizeof(g->begin) && record_id(g) &&
		    !g->request_id) {
			g->begin_len = 0;
			return FCGI_MORE;
		}
		err_set(err, ERR_INVALID,
			"FastCGI BEGIN_REQUEST out of place (one request at a "
			"time on a connection)");
		return FCGI_BAD;
	}
	if (!g->request_id && record_id(g)) {
		err_set(err, ERR_INVALID,
			"FastCGI record type %u before BEGIN_REQUEST",
			g->head[1]);
		return FCGI_BAD;
	}
	if (record_is_ours(g) && g->head[1] == TYPE_ABORT_REQUEST)
		return FCGI_ABORTED;
	return FCGI_MORE;
}

static void record_content(struct fcgi_gather *g, const char *data, size_t n)
{
	if (g->head[1] == TYPE_BEGIN_REQUEST) {
		memcpy(g->begin + g->begin_len, data, n);
		g->begin_len = (uint8_t)(g->begin_len + n);
		return;
	}
	if (!record_is_ours(g))
		return;
	if (g->head[1] == TYPE_PARAMS && !g->params_done)
		buf_append(&g->params, data, n);
	if (g->head[1] == TYPE_STDIN && !g->body_too_large &&
	    !g->body_refused) {
		buf_append(&g->body, data, n);
		g->body_too_large = g->body.overflow;
		if (g->body_too_large)
			buf_fini(&g->body);
	}
}

static enum fcgi_gathered record_ends(struct fcgi_gather *g, struct err *err)
{
	bool empty = !g->head[4] && !g->head[5];

	g->head_len = 0;
	if (g->head[1] == TYPE_BEGIN_REQUEST)
		return begin_request(g, err);
	if (!record_is_ours(g) || !empty)
		return FCGI_MORE;
	if (g->head[1] == TYPE_PARAMS)
		g->params_done = true;
	if (g->head[1] == TYPE_STDIN && g->params_done)
		return FCGI_COMPLETE;
	return FCGI_MORE;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Takes what belongs to the record's next part; returns how much. */
static size_t feed_some(struct fcgi_gather *g, const char *data, size_t n,
			enum fcgi_gathered *result, struct err *err)
{
	size_t take;

	if (g->head_len < sizeof(g->head)) {
		take = min_size(n, sizeof(g->head) - g->head_len);
		memcpy(g->head + g->head_len, data, take);
		g->head_len = (uint8_t)(g->head_len + take);
		if (g->head_len == sizeof(g->head))
			*result = record_starts(g, err);
	} else if (g->content_left) {
		take = min_size(n, g->content_left);
		g->content_left -= take;
		record_content(g, data, take);
	} else {
		take = min_size(n, g->padding_left);
		g->padding_left -= take;
	}
	if (*result == FCGI_MORE && g->head_len == sizeof(g->head) &&
	    !g->content_left && !g->padding_left)
		*result = record_ends(g, err);
	return take;
}

enum fcgi_gathered fcgi_gather_feed(struct fcgi_gather *g, const void *data,
				    size_t n, struct err *err)
{
	enum fcgi_gathered result = FCGI_MORE;
	const char *p = data;

	while (n && result == FCGI_MORE) {
		size_t taken = feed_some(g, p, n, &result, err);

		p += taken;
		n -= taken;
	}
	return result;
}

/* One length of a name-value pair: 1 byte, or 4 with the high bit set. */
static int pair_length(struct span *s, size_t *length)
{
	const unsigned char *p = (const unsigned char *)s->data;
	size_t used = s->len && p[0] & 0x80 ? 4 : 1;

	if (s->len < used)
		return -1;
	*length = used == 1 ? p[0]
			    : (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 |
				  (size_t)p[2] << 8 | p[3];
	s->data += used;
	s->len -= used;
	return 0;
}

/* The first pair; *s becomes what follows it. -1: it is cut off. */
static int next_pair(struct span *s, struct span *name, struct span *value)
{
	if (pair_length(s, &name->len) < 0 || pair_length(s, &value->len) < 0 ||
	    name->len + value->len > s->len)
		return -1;
	name->data = s->data;
	value->data = s->data + name->len;
	s->data += name->len + value->len;
	s->len -= name->len + value->len;
	return 0;
}

struct span fcgi_gather_param(const struct fcgi_gather *g, const char *name)
{
	struct span rest = buf_span(&g->params), key, value;

	while (rest.len && next_pair(&rest, &key, &value) == 0)
		if (span_equal_text(key, name))
			return value;
	return SPAN_NONE;
}

/* ---- request ---- */

struct request {
	FCGX_Request fcgx;
	struct buf body;
	uint16_t id;
	bool body_too_large, body_refused;
};

static bool pairs_are_whole(struct span s)
{
	struct span name, value;

	while (s.len)
		if (next_pair(&s, &name, &value) < 0)
			return false;
	return true;
}

static void put_records(struct buf *b, unsigned char type, struct span data)
{
	unsigned char head[FCGI_RECORD_HEADER_BYTES] = {1, type, 0, 1};

	while (data.len) {
		size_t n = min_size(data.len, FCGI_RECORD_MAX_BYTES);

		head[4] = (unsigned char)(n >> 8);
		head[5] = (unsigned char)n;
		buf_append(b, head, sizeof(head));
		buf_append(b, data.data, n);
		data.data += n;
		data.len -= n;
	}
	head[4] = head[5] = 0;
	buf_append(b, head, sizeof(head));
}

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
	struct buf b;
	int result = 0;

	buf_init(&b, FCGI_PARAMS_MAX_BYTES + 256);
	buf_append(&b, begin, sizeof(begin));
	put_records(&b, TYPE_PARAMS, buf_span(&g->params));
	put_records(&b, TYPE_STDIN, SPAN(""));
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
	if (!pairs_are_whole(buf_span(&g->params))) {
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

/* ---- framing ---- */

void fcgi_header(unsigned char out[static FCGI_RECORD_HEADER_BYTES],
		 enum fcgi_record type, uint16_t request_id, size_t content_len)
{
	out[0] = 1;
	out[1] = (unsigned char)type;
	out[2] = (unsigned char)(request_id >> 8);
	out[3] = (unsigned char)request_id;
	out[4] = (unsigned char)(content_len >> 8);
	out[5] = (unsigned char)content_len;
	out[6] = out[7] = 0;
}

void fcgi_put_stdout(struct buf *b, uint16_t request_id, struct span data)
{
	unsigned char head[FCGI_RECORD_HEADER_BYTES];

	if (request_id == FCGI_NO_RECORDS) {
		buf_put(b, data);
		return;
	}
	while (data.len) {
		size_t n = min_size(data.len, FCGI_RECORD_MAX_BYTES);

		fcgi_header(head, FCGI_RECORD_STDOUT, request_id, n);
		buf_append(b, head, sizeof(head));
		buf_append(b, data.data, n);
		data.data += n;
		data.len -= n;
	}
}

void fcgi_put_end(struct buf *b, uint16_t request_id)
{
	unsigned char end[FCGI_END_BYTES] = {0};

	if (request_id == FCGI_NO_RECORDS)
		return;
	fcgi_header(end, FCGI_RECORD_STDOUT, request_id, 0);
	fcgi_header(end + 8, FCGI_RECORD_END_REQUEST, request_id, 8);
	buf_append(b, end, sizeof(end));
}
