/*
 * frame: reference-counted, immutable after frame_new.
 */
#include "stream/frame.h"

#include <stdlib.h>
#include <string.h>

#include "lib/fcgi.h"
#include "lib/mem.h"

static struct frame *allocate(uint16_t request_id, int64_t cursor, char *bytes,
			      size_t len)
{
	struct frame *f = mem_new(sizeof(*f));

	*f = (struct frame){1, request_id, cursor, len, bytes};
	return f;
}

struct frame *frame_new(uint16_t request_id, int64_t cursor, struct span event)
{
	struct buf b;
	size_t len;
	char *bytes;

	buf_init(&b, event.len + FCGI_RECORD_HEADER_BYTES *
				     (event.len / FCGI_RECORD_MAX_BYTES + 1));
	fcgi_put_stdout(&b, request_id, event);
	bytes = buf_take(&b, &len);
	return allocate(request_id, cursor, bytes, len);
}

struct frame *frame_of_bytes(int64_t cursor, struct span bytes)
{
	char *copy = mem_new(bytes.len);

	if (bytes.len) /* none: the end of a CGI response */
		memcpy(copy, bytes.data, bytes.len);
	return allocate(0, cursor, copy, bytes.len);
}

struct frame *frame_ref(struct frame *f)
{
	f->refs++;
	return f;
}

void frame_unref(struct frame *f)
{
	if (!f || --f->refs)
		return;
	free(f->bytes);
	free(f);
}

/* CGI: the contents only. */
static struct frame *without_records(const struct frame *f)
{
	char *bytes = mem_new(f->len);
	size_t at = 0, len = 0;

	while (at < f->len) {
		const unsigned char *head =
		    (const unsigned char *)f->bytes + at;
		size_t n = (size_t)(head[4] << 8 | head[5]);

		at += FCGI_RECORD_HEADER_BYTES;
		memcpy(bytes + len, f->bytes + at, n);
		at += n;
		len += n;
	}
	return allocate(FCGI_NO_RECORDS, f->cursor, bytes, len);
}

struct frame *frame_for(struct frame *f, uint16_t request_id)
{
	struct frame *copy;
	size_t at = 0;

	if (f->request_id == request_id || f->request_id == 0)
		return frame_ref(f);
	if (request_id == FCGI_NO_RECORDS)
		return without_records(f);
	copy = frame_of_bytes(f->cursor, (struct span){f->bytes, f->len});
	copy->request_id = request_id;
	while (at < copy->len) {
		unsigned char *head = (unsigned char *)copy->bytes + at;

		head[2] = (unsigned char)(request_id >> 8);
		head[3] = (unsigned char)request_id;
		at +=
		    FCGI_RECORD_HEADER_BYTES + (size_t)(head[4] << 8 | head[5]);
	}
	return copy;
}
