/*
 * The grammar without recursion.  All that must be remembered is the stack of
 * open arrays and objects: one bit each in a word.
 */
#include <string.h>

#include "lib/err.h"
#include "lib/json_internal.h"
#include "lib/utf8.h"

_Static_assert(JSON_DEPTH_MAX <= 64, "the stack is one word");

#define ONES UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

struct scan {
	const char *start, *p, *end;
	uint64_t objects; /* lowest bit: the innermost is an object */
	unsigned depth;
	struct err *err;
};

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

size_t json_plain_run(const char *text, size_t n)
{
	size_t at = 0;

	/* Eight at a time.  Each term has its high bit set in the first byte
	 * that is not plain (a borrow can only reach bytes after it). */
	for (; n - at >= 8; at += 8) {
		uint64_t x;

		memcpy(&x, text + at, 8);
		if ((x | (x - ONES * 0x20) | ((x ^ (ONES * '"')) - ONES) |
		     ((x ^ (ONES * '\\')) - ONES)) &
		    HIGH)
			break;
	}
	while (at < n && is_plain((unsigned char)text[at]))
		at++;
	return at;
}

static int fail(const struct scan *s, const char *expected)
{
	size_t at = (size_t)(s->p - s->start);
	unsigned char c;

	if (s->p >= s->end)
		return err_set(s->err, ERR_INVALID,
			       "JSON: expected %s at byte %zu, got the end",
			       expected, at);
	c = (unsigned char)*s->p;
	if (c > 0x20 && c < 0x7f)
		return err_set(s->err, ERR_INVALID,
			       "JSON: expected %s at byte %zu, got %c",
			       expected, at, c);
	return err_set(s->err, ERR_INVALID,
		       "JSON: expected %s at byte %zu, got 0x%02x", expected,
		       at, c);
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' ||
				 *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static bool next_is(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

/* At the character after a backslash. */
static int scan_escape(struct scan *s)
{
	int i;

	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): no string */
	if (s->p >= s->end || !memchr("\"\\/bfnrtu", *s->p, 9))
		return fail(s, "an escape of JSON after the backslash");
	if (*s->p++ != 'u')
		return 0;
	for (i = 0; i < 4; i++, s->p++) {
		if (s->p >= s->end || !is_hex(*s->p))
			return fail(s, "four hexadecimal digits");
	}
	return 0;
}

/* At a quote. */
static int scan_string(struct scan *s)
{
	bool valid;
	size_t step;

	s->p++;
	for (;;) {
		s->p += json_plain_run(s->p, (size_t)(s->end - s->p));
		if (s->p >= s->end)
			return fail(s, "the end of the string");
		if (*s->p == '"') {
			s->p++;
			return 0;
		}
		if (*s->p == '\\') {
			s->p++;
			if (scan_escape(s) < 0)
				return -1;
			continue;
		}
		step = utf8_step(s->p, (size_t)(s->end - s->p), &valid);
		if (!valid)
			return fail(s, "UTF-8");
		if ((unsigned char)*s->p < 0x20)
			return fail(s, "control characters to be escaped");
		s->p += step;
	}
}

static size_t digits_run(const char *text, size_t n)
{
	size_t at = 0;

	while (at < n && text[at] >= '0' && text[at] <= '9')
		at++;
	return at;
}

size_t json_number_run(const char *text, size_t n)
{
	size_t at = n > 0 && text[0] == '-';
	size_t run = digits_run(text + at, n - at);

	if (run == 0 || (run > 1 && text[at] == '0'))
		return 0;
	at += run;
	if (at < n && text[at] == '.') {
		run = digits_run(text + at + 1, n - at - 1);
		if (run == 0)
			return 0;
		at += 1 + run;
	}
	if (at < n && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		if (at < n && (text[at] == '+' || text[at] == '-'))
			at++;
		run = digits_run(text + at, n - at);
		if (run == 0)
			return 0;
		at += run;
	}
	return at;
}

static int scan_number(struct scan *s)
{
	size_t len = json_number_run(s->p, (size_t)(s->end - s->p));

	if (len == 0)
		return fail(s, "a number as JSON has them");
	s->p += len;
	return 0;
}

static int scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return fail(s, "a value");
	s->p += len;
	return 0;
}

static int scan_scalar(struct scan *s)
{
	switch (s->p < s->end ? *s->p : '\0') {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (!next_is(s, '-') && digits_run(s->p, s->p < s->end) == 0)
			return fail(s, "a value");
		return scan_number(s);
	}
}

/* A member's name and colon, when the innermost is an object. */
static int scan_name(struct scan *s)
{
	if (!(s->objects & 1))
		return 0;
	skip_space(s);
	if (!next_is(s, '"'))
		return fail(s, "a member name in quotes");
	if (scan_string(s) < 0)
		return -1;
	skip_space(s);
	if (!next_is(s, ':'))
		return fail(s, "':'");
	s->p++;
	return 0;
}

/* At a bracket or brace.  1: a value comes next, 0: it was empty. */
static int open_container(struct scan *s)
{
	bool object = *s->p == '{';

	if (s->depth == JSON_DEPTH_MAX)
		return fail(s, "less deep nesting");
	s->p++;
	skip_space(s);
	if (next_is(s, object ? '}' : ']')) {
		s->p++;
		return 0;
	}
	s->depth++;
	s->objects = s->objects << 1 | object;
	return scan_name(s) < 0 ? -1 : 1;
}

/* After a value.  1: another value comes next, 0: the outermost has ended. */
static int close_containers(struct scan *s)
{
	for (;;) {
		skip_space(s);
		if (s->depth == 0)
			return 0;
		if (next_is(s, ',')) {
			s->p++;
			return scan_name(s) < 0 ? -1 : 1;
		}
		if (!next_is(s, s->objects & 1 ? '}' : ']'))
			return fail(s, s->objects & 1 ? "',' or '}'"
						      : "',' or ']'");
		s->p++;
		s->depth--;
		s->objects >>= 1;
	}
}

int json_scan(struct span text, size_t *values, struct err *err)
{
	struct scan s = {.err = err};
	size_t n = 0;
	int more;

	s.start = s.p = text.data ? text.data : "";
	s.end = s.start + text.len;
	do {
		skip_space(&s);
		n++;
		if (next_is(&s, '{') || next_is(&s, '['))
			more = open_container(&s);
		else
			more = scan_scalar(&s);
		if (more == 0)
			more = close_containers(&s);
	} while (more > 0);
	if (more < 0)
		return -1;
	if (s.p < s.end)
		return fail(&s, "nothing after the value");
	*values = n;
	return 0;
}

bool json_valid(struct span text)
{
	size_t values;

	return json_scan(text, &values, NULL) == 0;
}
