/*
 * text: a buffer that doubles, and one pass over a template.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *format, ...)
{
	va_list args;

	fputs("load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

void *need(void *memory)
{
	if (!memory)
		die("no memory");
	return memory;
}

int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void text_fini(struct text *t)
{
	free(t->data);
	*t = (struct text){NULL, 0, 0};
}

void text_reset(struct text *t)
{
	t->len = 0;
}

char *text_room(struct text *t, size_t n)
{
	if (t->len + n > t->cap) {
		size_t cap = t->cap ? t->cap : 256;

		while (cap < t->len + n)
			cap *= 2;
		t->data = need(realloc(t->data, cap));
		t->cap = cap;
	}
	return t->data + t->len;
}

void text_add(struct text *t, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	memcpy(text_room(t, len), bytes, len);
	t->len += len;
}

void text_addf(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return;
	va_start(args, format);
	vsnprintf(text_room(t, (size_t)n + 1), (size_t)n + 1, format, args);
	va_end(args);
	t->len += (size_t)n;
}

/* Our payloads hold no control characters. */
static void add_escaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			text_add(t, "\\", 1);
		text_add(t, s, 1);
	}
}

static void add_place(struct text *t, char place,
		      const struct text_values *values)
{
	const char *value = NULL;

	switch (place) {
	case 'u':
		value = values->user;
		break;
	case 'n':
		value = values->number;
		break;
	case 's':
		value = values->secret;
		break;
	case 'p':
		value = values->payload;
		break;
	case 'e':
		if (values->payload)
			add_escaped(t, values->payload);
		return;
	case '%':
		value = "%";
		break;
	default:
		die("%%%c: expected %%u, %%n, %%s, %%p, %%e or %%%%", place);
	}
	if (value)
		text_add(t, value, strlen(value));
}

void text_expand(struct text *t, const char *pattern,
		 const struct text_values *values)
{
	const char *place;

	while ((place = strchr(pattern, '%'))) {
		text_add(t, pattern, (size_t)(place - pattern));
		add_place(t, place[1], values);
		pattern = place[1] ? place + 2 : place + 1;
	}
	text_add(t, pattern, strlen(pattern));
}
