/*
 * The bytes of a connection, whole and in pieces of any size: both lead to the
 * same, within the caps; a request that is complete is parsed, and its
 * variables are the pairs that were sent, as far as an independent reader
 * finds them; what is framed as an answer is read back.
 *
 * Input: one byte for the size of the pieces, then what the peer sends.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/fcgi.h"

#define BODY_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum fcgi_gathered gather(struct fcgi_gather *g, const uint8_t *data,
				 size_t size, size_t piece)
{
	struct err err = {ERR_OK, ""};
	enum fcgi_gathered result = FCGI_MORE;

	fcgi_gather_init(g, BODY_MAX);
	while (size && result == FCGI_MORE) {
		size_t n = size < piece ? size : piece;

		result = fcgi_gather_feed(g, data, n, &err);
		data += n;
		size -= n;
	}
	assert((result == FCGI_BAD) == (err.code != ERR_OK));
	assert(g->params.len <= FCGI_PARAMS_MAX_BYTES);
	assert(g->body.len <= BODY_MAX);
	return result;
}

static size_t take_length(const unsigned char **p)
{
	size_t n = **p;

	if (n < 0x80) {
		*p += 1;
		return n;
	}
	n = (n & 0x7f) << 24 | (size_t)(*p)[1] << 16 | (size_t)(*p)[2] << 8 |
	    (*p)[3];
	*p += 4;
	return n;
}

/* The pairs are whole, or the request would have been refused. */
static void check_params(const struct request *r, const char *params,
			 size_t size)
{
	const unsigned char *p = (const unsigned char *)params;
	const unsigned char *end = p + size;

	while (p < end) {
		size_t name_len = take_length(&p);
		size_t value_len = take_length(&p);
		char *name = strndup((const char *)p, name_len);
		char *value = strndup((const char *)p + name_len, value_len);
		const char *got = request_param(r, name);

		assert(name && value);
		p += name_len + value_len;
		assert(p <= end);
		/* The first of a name counts; "a=b" as a name is a of "b=…". */
		if (strlen(name) == name_len && name_len && !strchr(name, '='))
			assert(got);
		free(name);
		free(value);
	}
}

static void check_request(struct fcgi_gather *g)
{
	struct err err = {ERR_OK, ""};
	struct request *r = NULL;
	uint16_t id = g->request_id;
	size_t body_len = g->body.len, params_len = g->params.len;
	bool too_large = g->body_too_large;
	char *params = malloc(params_len + 1);

	assert(params);
	if (params_len)
		memcpy(params, g->params.data, params_len);
	if (request_parse(&r, g, &err) == 0) {
		assert(request_id(r) == id && id != FCGI_NO_RECORDS);
		assert(request_body_too_large(r) == too_large);
		assert(request_body(r).data);
		assert(request_body(r).len == (too_large ? 0 : body_len));
		check_params(r, params, params_len);
	} else {
		assert(!r && err.message[0]);
		assert(err.code == ERR_INVALID || err.code == ERR_TOO_LARGE);
	}
	assert(!g->params.data && !g->body.data);
	request_free(r);
	free(params);
}

static void check_answer(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	const unsigned char *p;
	struct buf b;
	size_t seen = 0;

	buf_init(&b, size + 4096);
	fcgi_put_stdout(&b, 0x1234, text);
	fcgi_put_end(&b, 0x1234);
	assert(!b.overflow);
	for (p = (const void *)b.data;
	     p < (const unsigned char *)b.data + b.len;) {
		size_t n = (size_t)p[4] << 8 | p[5];

		assert(p[0] == 1 && p[2] == 0x12 && p[3] == 0x34);
		if (p[1] == FCGI_RECORD_STDOUT) {
			assert(memcmp(p + 8, text.data + seen, n) == 0);
			seen += n;
		} else {
			assert(p[1] == FCGI_RECORD_END_REQUEST && n == 8);
		}
		p += 8 + n + p[6];
	}
	assert(seen == size);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fcgi_gather whole, pieces;
	enum fcgi_gathered result;

	if (size < 2)
		return 0;
	result = gather(&whole, data + 1, size - 1, size);
	assert(gather(&pieces, data + 1, size - 1, 1u + data[0] % 32u) ==
	       result);
	assert(span_equal(buf_span(&whole.params), buf_span(&pieces.params)));
	assert(span_equal(buf_span(&whole.body), buf_span(&pieces.body)));
	assert(whole.request_id == pieces.request_id);
	fcgi_gather_fini(&pieces);
	if (result == FCGI_COMPLETE)
		check_request(&whole);
	else
		fcgi_gather_fini(&whole);
	check_answer(data, size);
	return 0;
}
