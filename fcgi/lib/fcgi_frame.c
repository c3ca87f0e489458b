/*
 * fcgi_frame: answers as FastCGI records, and the name-value pairs of requests.
 */
#include <string.h>

#include "lib/fcgi.h"
#include "lib/fcgi_internal.h"

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
int fcgi_next_pair(struct span *s, struct span *name, struct span *value)
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
		size_t n = fcgi_min(data.len, FCGI_RECORD_MAX_BYTES);

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
