/*
 * query: the query string, decoded once and by name.  Pure.
 *
 * A value is decoded when a handler asks for its name: what nobody asks for is
 * ignored, however it is spelt.  A name that comes twice is refused, since
 * two readers would take different ones.
 */
#include <string.h>

#include "api/internal.h"
#include "lib/err.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int api_decode(struct span text, bool plus, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '+' && plus)
			c = ' ';
		if (c == '%') {
			int high, low;

			if (text.len - i < 3)
				return -1;
			high = hex(text.data[i + 1]);
			low = hex(text.data[i + 2]);
			if (high < 0 || low < 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return -1;
		buf_putc(out, c);
	}
	return 0;
}

void api_encode(struct buf *out, struct span text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (memchr(plain, c, sizeof(plain) - 1))
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* Takes the next "name=value" off *rest; false at the end. */
static bool next_pair(struct span *rest, struct span *name, struct span *value)
{
	const char *end, *equals;
	size_t n;

	if (!rest->len)
		return false;
	end = memchr(rest->data, '&', rest->len);
	n = end ? (size_t)(end - rest->data) : rest->len;
	equals = memchr(rest->data, '=', n);
	name->data = rest->data;
	name->len = equals ? (size_t)(equals - rest->data) : n;
	value->data = equals ? equals + 1 : rest->data + n;
	value->len = n - name->len - (equals ? 1 : 0);
	n += end ? 1 : 0;
	rest->data += n;
	rest->len -= n;
	return true;
}

static bool is_named(struct span raw, const char *name, struct buf *scratch)
{
	buf_reset(scratch);
	return api_decode(raw, true, scratch) == 0 &&
	       span_equal_text(buf_span(scratch), name);
}

int api_query(const struct api_call *call, const char *name, struct buf *out,
	      struct err *err)
{
	struct span rest = call->query, raw_name, raw_value;
	struct span value = SPAN_NONE;

	while (next_pair(&rest, &raw_name, &raw_value)) {
		if (!is_named(raw_name, name, out))
			continue;
		if (value.data)
			return err_set(err, ERR_INVALID,
				       "%s= is given twice, expected once",
				       name);
		value = raw_value;
	}
	buf_reset(out);
	if (!value.data)
		return 0;
	if (api_decode(value, true, out) == 0 && !out->overflow)
		return 1;
	return err_set(err, ERR_INVALID,
		       "%s= is not percent-encoded as it must be: expected "
		       "%%XX, and not %%00",
		       name);
}

int api_query_switch(const struct api_call *call, const char *name,
		     struct err *err)
{
	struct span value;
	struct buf b;
	int result;

	buf_init(&b, call->query.len + 1);
	result = api_query(call, name, &b, err);
	value = buf_span(&b);
	if (result > 0 && !span_equal_text(value, "1")) {
		result = 0;
		if (value.len && !span_equal_text(value, "0"))
			result = err_set(err, ERR_INVALID,
					 "%s= is neither 1 nor 0", name);
	}
	buf_fini(&b);
	return result;
}
