/*
 * buf: text that somebody else owns (span), and growable bytes with a hard
 * cap (buf).
 *
 * A buf never holds more than its cap.  An append that would go over the cap
 * adds nothing and sets `overflow`, which stays set.  So a caller appends
 * freely and asks once at the end.  Out of memory below the cap aborts.
 *
 * Not thread-safe per object.
 */
#ifndef BELFRY_LIB_BUF_H
#define BELFRY_LIB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of any content, NUL included; data == NULL is "absent" (SQL NULL). */
struct span {
	const char *data;
	size_t len;
};

#define SPAN_NONE     ((struct span){NULL, 0})
#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})

struct span span_of(const char *text); /* NULL gives SPAN_NONE */
bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *text);
/* A NUL-terminated copy on the heap (the caller frees); NULL for SPAN_NONE. */
char *span_dup(struct span s);

struct buf {
	char *data;
	size_t len;
	size_t cap; /* allocated */
	size_t max; /* never more than this many bytes */
	bool overflow;
};

void buf_init(struct buf *b, size_t max_bytes); /* allocates nothing yet */
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* empty, memory kept, overflow cleared */
void buf_truncate(struct buf *b, size_t len); /* len <= b->len */
/* Room for n bytes at the end; NULL when over the cap (overflow is set). The
 * caller writes them and calls buf_commit with how many it wrote. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_append(struct buf *b, const void *data, size_t n);
void buf_put(struct buf *b, struct span s);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_put_int(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The bytes go to the caller (free() them); b is empty afterwards. */
char *buf_take(struct buf *b, size_t *len);
struct span buf_span(const struct buf *b);

#endif
