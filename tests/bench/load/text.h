/*
 * text: bytes that grow, and templates.
 */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *data; /* owned; zeroed is empty */
	size_t len, cap;
};

/* What the places of a template stand for; NULL: nothing. */
struct text_values {
	const char *user;    /* %u */
	const char *number;  /* %n: of the message */
	const char *secret;  /* %s */
	const char *payload; /* %p, and %e as the inside of a JSON string */
};

void text_fini(struct text *t);
void text_reset(struct text *t);
/* Room for n more bytes, at the address returned; they do not count yet. */
char *text_room(struct text *t, size_t n);
void text_add(struct text *t, const char *bytes, size_t len);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *t,
						     const char *format, ...);
void text_expand(struct text *t, const char *pattern,
		 const struct text_values *values);

/* Memory or the end of the program. */
void *need(void *memory);
/* CLOCK_MONOTONIC. */
int64_t clock_ns(void);
/* Says what is wrong and ends the program with exit code 2. */
_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format,
							 ...);

#endif
