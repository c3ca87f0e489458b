/*
 * Strings are written in one pass that copies runs of plain bytes whole: this
 * is where most of the time goes when a row becomes a frame.
 */
#include <assert.h>
#include <string.h>

#include "lib/json_internal.h"
#include "lib/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* What stands for a control character, in room where it is built. */
static const char *escape_control(unsigned char c, char room[static 8])
{
	static const char hex[] = "0123456789abcdef";

	switch (c) {
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		memcpy(room, "\\u0000", 7);
		room[4] = hex[c >> 4];
		room[5] = hex[c & 15];
		return room;
	}
}

/* What stands for a character in a JSON string, NULL for itself. */
static const char *escape(const char *text, size_t len, const char *nul,
			  char room[static 8])
{
	unsigned char c = (unsigned char)text[0];

	if (c == '\0')
		return nul;
	if (c < 0x20)
		return escape_control(c, room);
	if (c == '"')
		return "\\\"";
	if (c == '\\')
		return "\\\\";
	/* They end lines in JavaScript's older string literals. */
	if (len == 3 && memcmp(text, "\xe2\x80\xa8", 3) == 0)
		return "\\u2028";
	if (len == 3 && memcmp(text, "\xe2\x80\xa9", 3) == 0)
		return "\\u2029";
	return NULL;
}

/* One pass over text.  [start, at) is what has been looked at and goes out as
 * it is, in one piece, when something comes up that does not.  `nul` is what
 * stands for U+0000. */
static bool write_text(struct buf *b, struct span text, size_t max_bytes,
		       const char *nul)
{
	size_t left = max_bytes - 2; /* the quotes */
	size_t start = 0, at = 0;
	char room[8];

	assert(max_bytes >= 2);
	if (!text.data)
		text = SPAN("");
	buf_putc(b, '"');
	for (;;) {
		size_t run = json_plain_run(text.data + at, text.len - at);
		size_t step, width;
		const char *escaped = REPLACEMENT;
		bool valid;

		if (run > left) {
			at += left;
			break;
		}
		at += run;
		left -= run;
		if (at == text.len)
			break;
		step = utf8_step(text.data + at, text.len - at, &valid);
		if (valid)
			escaped = escape(text.data + at, step, nul, room);
		width = escaped ? strlen(escaped) : step;
		if (width > left)
			break;
		left -= width;
		if (escaped) {
			buf_append(b, text.data + start, at - start);
			buf_append(b, escaped, width);
			start = at + step;
		}
		at += step;
	}
	buf_append(b, text.data + start, at - start);
	buf_putc(b, '"');
	return at < text.len;
}

void json_write_string(struct buf *b, struct span text)
{
	write_text(b, text, SIZE_MAX, REPLACEMENT);
}

bool json_write_string_cut(struct buf *b, struct span text, size_t max_bytes)
{
	return write_text(b, text, max_bytes, REPLACEMENT);
}

/* Between the tokens of a valid text; within strings they are escaped. */
static void breaks_to_spaces(char *text, size_t n)
{
	char *end = text + n;

	for (const char *c = "\n\r\t"; *c; c++)
		for (char *p = text; (p = memchr(p, *c, (size_t)(end - p)));)
			*p = ' ';
}

void json_write_raw(struct buf *b, struct span text)
{
	char *out;

	if (!json_valid(text)) {
		json_write_string(b, text);
		return;
	}
	out = buf_reserve(b, text.len);
	if (!out)
		return;
	memcpy(out, text.data, text.len);
	breaks_to_spaces(out, text.len);
	buf_commit(b, text.len);
}

/* In brackets of the value's kind. */
static void write_children(struct buf *b, const struct json *v,
			   const char *brackets)
{
	buf_putc(b, brackets[0]);
	for (size_t i = 0; i < v->children.count; i++) {
		const struct json *child = v->children.first + i;

		if (i > 0)
			buf_putc(b, ',');
		if (child->name) {
			json_write_string(b, span_of(child->name));
			buf_putc(b, ':');
		}
		json_write_value(b, child);
	}
	buf_putc(b, brackets[1]);
}

void json_write_value(struct buf *b, const struct json *v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		buf_puts(b, "null");
		break;
	case JSON_BOOL:
		buf_puts(b, v->boolean ? "true" : "false");
		break;
	case JSON_INT:
		buf_put_int(b, v->integer);
		break;
	case JSON_NUMBER:
		buf_put(b, v->text);
		break;
	case JSON_STRING:
		/* A NUL stays what it was in the text, an escape. */
		write_text(b, v->text, SIZE_MAX, "\\u0000");
		break;
	case JSON_ARRAY:
		write_children(b, v, "[]");
		break;
	case JSON_OBJECT:
		write_children(b, v, "{}");
		break;
	}
}
