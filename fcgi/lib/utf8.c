/*
 * The well-formed byte sequences of Unicode's table 3-7: what the first byte
 * says about the length, and for four of them about the range of the second.
 * A sequence is left at its first byte that does not fit, which makes the part
 * before it the "maximal subpart".
 */
#include "lib/utf8.h"

#include <string.h>

#include "lib/buf.h"

size_t utf8_step(const char *text, size_t n, bool *valid)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t len, i;

	*valid = true;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
	} else if ((p[0] & 0xf0) == 0xe0) {
		len = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;  /* overlong */
		high = p[0] == 0xed ? 0x9f : 0xbf; /* surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;  /* overlong */
		high = p[0] == 0xf4 ? 0x8f : 0xbf; /* over U+10FFFF */
	} else {
		*valid = false;
		return 1;
	}
	for (i = 1; i < len; i++) {
		if (i >= n || p[i] < low || p[i] > high) {
			*valid = false;
			return i;
		}
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

size_t utf8_put(char out[static 4], uint32_t character)
{
	static const unsigned char starts[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t len = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

	if (character < 0x80) {
		out[0] = (char)character;
		return 1;
	}
	for (size_t i = len - 1; i > 0; i--, character >>= 6)
		out[i] = (char)(0x80 | (character & 0x3f));
	out[0] = (char)(starts[len] | character);
	return len;
}

/* C1 controls too: some terminals take U+009B for the start of a command. */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)text[0];

	return c < 0x20 || c == 0x7f ||
	       (c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

size_t utf8_line(char *out, size_t size, struct span text)
{
	static const char ellipsis[] = "…"; /* 3 bytes and the NUL */
	size_t at = 0, len = 0, fits = 0;

	while (at < text.len) {
		bool valid;
		size_t step = utf8_step(text.data + at, text.len - at, &valid);
		bool control = valid && is_control(text.data + at);
		size_t width = valid && !control ? step : 1;

		if (len + width >= size) {
			memcpy(out + fits, ellipsis, sizeof(ellipsis));
			return fits + sizeof(ellipsis) - 1;
		}
		if (width == step && valid && !control)
			memcpy(out + len, text.data + at, step);
		else
			out[len] = control ? ' ' : '?';
		len += width;
		at += step;
		if (len + sizeof(ellipsis) <= size)
			fits = len;
	}
	out[len] = '\0';
	return len;
}
