/*
 * Strings are written in one pass that copies runs of plain bytes whole: this
 * is where most of the time goes when a row becomes a frame.
 */
#include "lib/json_write.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/json_scan.h"
#include "lib/utf8.h"

#define ONES	    UINT64_C(0x0101010101010101)
#define HIGH	    UINT64_C(0x8080808080808080)
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
 * it is, in one piece, when something comes up that does not. */
bool json_write_text(struct buf *b, struct span text, size_t max_bytes,
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
	json_write_text(b, text, SIZE_MAX, REPLACEMENT);
}

bool json_write_string_cut(struct buf *b, struct span text, size_t max_bytes)
{
	return json_write_text(b, text, max_bytes, REPLACEMENT);
}

/* In a valid text only white space is below 0x20, and as a rule there is none
 * of it: eight bytes at a time are asked whether one of them is. */
static void one_line(char *text, size_t n)
{
	uint64_t x;

	for (size_t at = 0; at < n; at++) {
		if (n - at >= sizeof(x)) {
			memcpy(&x, text + at, sizeof(x));
			if (!((x - ONES * 0x20) & ~x & HIGH)) {
				at += sizeof(x) - 1;
				continue;
			}
		}
		if ((unsigned char)text[at] < 0x20)
			text[at] = ' ';
	}
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
	one_line(out, text.len);
	buf_commit(b, text.len);
}
