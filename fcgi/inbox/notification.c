/*
 * A notification for the stream is written whole and measured; only when it is
 * too long, which next to none is, it is written again with a cap on each
 * member.  The caps together stay below the limit, so the second form always
 * fits.
 */
#include "inbox/notification.h"

#include "lib/clock.h"
#include "lib/db.h"
#include "lib/json.h"

#define RFC3339_LEN 24 /* as clock_rfc3339() writes it */

/* The longest encoded form of each member, in bytes. */
struct caps {
	size_t type, title, body, data, link;
};

static const struct caps no_caps = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
				    SIZE_MAX};

#define TYPE_MAX_BYTES	1024u
#define TITLE_MAX_BYTES (32u * 1024)
#define BODY_MAX_BYTES	(128u * 1024)
#define DATA_MAX_BYTES	(64u * 1024)
#define LINK_MAX_BYTES	(16u * 1024)
#define REST_MAX_BYTES	1024u /* names, numbers, dates */

static const struct caps stream_caps = {TYPE_MAX_BYTES, TITLE_MAX_BYTES,
					BODY_MAX_BYTES, DATA_MAX_BYTES,
					LINK_MAX_BYTES};

_Static_assert(TYPE_MAX_BYTES + TITLE_MAX_BYTES + BODY_MAX_BYTES +
		       DATA_MAX_BYTES + LINK_MAX_BYTES + REST_MAX_BYTES <=
		   NOTIFICATION_STREAM_MAX_BYTES,
	       "the cut form always fits");

void notification_from_row(struct notification *n, struct db_stmt *row,
			   int first_column)
{
	int c = first_column;

	n->id = db_int(row, c++);
	n->user_id = db_text(row, c++);
	n->type = db_text(row, c++);
	n->title = db_text(row, c++);
	n->body = db_text(row, c++);
	n->data = db_text(row, c++);
	n->link = db_text(row, c++);
	n->priority = db_int(row, c++);
	n->created_at = db_int(row, c++);
	n->updated_at = db_int(row, c++);
	n->read_at = db_int(row, c++);
	n->expires_at = db_int(row, c++);
}

static void write_text(struct buf *b, struct span text, size_t max_bytes)
{
	if (text.data)
		json_write_string_cut(b, text, max_bytes);
	else
		buf_put(b, SPAN("null"));
}

static void write_data(struct buf *b, struct span data, size_t max_bytes)
{
	size_t start = b->len;

	/* JSON that is cut is no JSON: all or null. */
	if (data.data && data.len <= max_bytes) {
		json_write_raw(b, data);
		if (b->len - start <= max_bytes)
			return;
		buf_truncate(b, start);
	}
	buf_put(b, SPAN("null"));
}

static void write_time(struct buf *b, int64_t ms)
{
	char text[CLOCK_RFC3339_BYTES];

	buf_putc(b, '"');
	buf_append(b, clock_rfc3339(text, ms), RFC3339_LEN);
	buf_putc(b, '"');
}

static void write_time_or_null(struct buf *b, int64_t ms)
{
	if (ms > 0)
		write_time(b, ms);
	else
		buf_put(b, SPAN("null"));
}

static void write_object(struct buf *b, const struct notification *n,
			 const struct caps *caps, bool with_read_at)
{
	bool broadcast = span_equal(n->user_id, SPAN(NOTIFICATION_EVERYONE));

	buf_put(b, SPAN("{\"id\":"));
	buf_put_int(b, n->id);
	buf_put(b, SPAN(",\"type\":"));
	write_text(b, n->type, caps->type);
	buf_put(b, SPAN(",\"title\":"));
	write_text(b, n->title, caps->title);
	buf_put(b, SPAN(",\"body\":"));
	write_text(b, n->body, caps->body);
	buf_put(b, SPAN(",\"data\":"));
	write_data(b, n->data, caps->data);
	buf_put(b, SPAN(",\"link\":"));
	write_text(b, n->link, caps->link);
	buf_put(b, SPAN(",\"priority\":"));
	buf_put_int(b, n->priority);
	buf_put(b, broadcast ? SPAN(",\"broadcast\":true,\"createdAt\":")
			     : SPAN(",\"broadcast\":false,\"createdAt\":"));
	write_time(b, n->created_at);
	buf_put(b, SPAN(",\"updatedAt\":"));
	write_time(b, n->updated_at);
	if (with_read_at || !broadcast) {
		buf_put(b, SPAN(",\"readAt\":"));
		write_time_or_null(b, n->read_at);
	}
	buf_put(b, SPAN(",\"expiresAt\":"));
	write_time_or_null(b, n->expires_at);
	if (caps != &no_caps)
		buf_put(b, SPAN(",\"truncated\":true"));
	buf_putc(b, '}');
}

void notification_write_json(struct buf *b, const struct notification *n,
			     enum notification_form form)
{
	size_t start = b->len;
	bool overflow = b->overflow;

	if (form == NOTIFICATION_REST) {
		write_object(b, n, &no_caps, true);
		return;
	}
	/* Text never gets shorter by encoding: 100 MB need not be tried. */
	if (n->type.len + n->title.len + n->body.len + n->data.len +
		n->link.len <=
	    NOTIFICATION_STREAM_MAX_BYTES) {
		write_object(b, n, &no_caps, false);
		if (b->len - start <= NOTIFICATION_STREAM_MAX_BYTES &&
		    b->overflow == overflow)
			return;
		buf_truncate(b, start);
		b->overflow = overflow;
	}
	write_object(b, n, &stream_caps, false);
}
