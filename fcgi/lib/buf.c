/*
 * A buf grows by doubling, from FIRST_BYTES up to its cap, so that appending
 * costs one comparison and one memcpy nearly always.
 */
#include "lib/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

#define FIRST_BYTES    128
#define INT_TEXT_BYTES 20 /* -9223372036854775808 */

struct span span_of(const char *text)
{
	return text ? (struct span){text, strlen(text)} : SPAN_NONE;
}

bool span_equal(struct span a, struct span b)
{
	if (!a.data || !b.data)
		return a.data == b.data;
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool span_equal_text(struct span a, const char *text)
{
	return span_equal(a, span_of(text));
}

char *span_dup(struct span s)
{
	char *copy;

	if (!s.data)
		return NULL;
	copy = mem_array(s.len + 1, 1);
	memcpy(copy, s.data, s.len);
	return copy;
}

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.max = max_bytes};
}

void buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
}

void buf_truncate(struct buf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
}

/* Room for n more bytes, or false with the overflow noted. */
static bool make_room(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : FIRST_BYTES;

	if (n <= b->cap - b->len)
		return true;
	if (n > b->max - b->len) {
		b->overflow = true;
		return false;
	}
	while (cap - b->len < n && cap <= b->max / 2)
		cap *= 2;
	if (cap > b->max || cap - b->len < n)
		cap = b->max;
	b->data = mem_grow(b->data, cap, 1);
	b->cap = cap;
	return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
	/* Even of nothing, as NULL means that the cap was hit. */
	return make_room(b, n ? n : 1) ? b->data + b->len : NULL;
}

void buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->len);
	b->len += n;
}

void buf_append(struct buf *b, const void *data, size_t n)
{
	if (n == 0 || !make_room(b, n))
		return;
	memcpy(b->data + b->len, data, n);
	b->len += n;
}

void buf_put(struct buf *b, struct span s)
{
	buf_append(b, s.data, s.len);
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	if (make_room(b, 1))
		b->data[b->len++] = c;
}

void buf_put_int(struct buf *b, int64_t value)
{
	char text[INT_TEXT_BYTES];
	char *p = text + sizeof(text);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--p = '-';
	buf_append(b, p, (size_t)(text + sizeof(text) - p));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	char local[256];
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(local, sizeof(local), format, args);
	va_end(args);
	assert(len >= 0);
	if ((size_t)len >= sizeof(local)) {
		/* On the heap and not in place: the NUL that vsnprintf adds
		 * may not fit under the cap. */
		text = mem_new((size_t)len + 1);
		va_start(args, format);
		vsnprintf(text, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf_append(b, text ? text : local, (size_t)len);
	free(text);
}

char *buf_take(struct buf *b, size_t *len)
{
	char *data = b->data ? b->data : mem_new(1);

	*len = b->len;
	*b = (struct buf){.max = b->max};
	return data;
}

struct span buf_span(const struct buf *b)
{
	return (struct span){b->data ? b->data : "", b->len};
}
