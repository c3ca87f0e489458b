/*
 * FCGX_Accept_r on a socket can be held up by a peer: a peer that sends a
 * single byte blocks it for ever.  So the loop gathers a request by this state
 * machine, which takes pieces of any size.  It keeps contents only: a peer of
 * 1-byte records costs no more than a peer of large ones.
 */
#include <string.h>

#include "lib/err.h"
#include "lib/fcgi.h"

#define ROLE_RESPONDER 1

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
	if (g->head[1] == FCGI_RECORD_BEGIN_REQUEST) {
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
	if (record_is_ours(g) && g->head[1] == FCGI_RECORD_ABORT_REQUEST)
		return FCGI_ABORTED;
	return FCGI_MORE;
}

static void record_content(struct fcgi_gather *g, const char *data, size_t n)
{
	if (g->head[1] == FCGI_RECORD_BEGIN_REQUEST) {
		memcpy(g->begin + g->begin_len, data, n);
		g->begin_len = (uint8_t)(g->begin_len + n);
		return;
	}
	if (!record_is_ours(g))
		return;
	if (g->head[1] == FCGI_RECORD_PARAMS && !g->params_done)
		buf_append(&g->params, data, n);
	if (g->head[1] == FCGI_RECORD_STDIN && !g->body_too_large &&
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
	if (g->head[1] == FCGI_RECORD_BEGIN_REQUEST)
		return begin_request(g, err);
	if (!record_is_ours(g) || !empty)
		return FCGI_MORE;
	if (g->head[1] == FCGI_RECORD_PARAMS)
		g->params_done = true;
	if (g->head[1] == FCGI_RECORD_STDIN && g->params_done)
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

bool fcgi_gather_is_whole(const struct fcgi_gather *g)
{
	struct span rest = buf_span(&g->params), name, value;

	while (rest.len)
		if (next_pair(&rest, &name, &value) < 0)
			return false;
	return true;
}
