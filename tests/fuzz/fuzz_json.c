/*
 * Any bytes as a JSON text and as a string to be written.  The judge, the
 * reader, and the writers have to agree with each other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/utf8.h"

#define MAX_BYTES (1u << 24)
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_one_line(const struct buf *b)
{
	size_t i;

	CHECK(!b->overflow);
	for (i = 0; i < b->len; i++)
		CHECK((unsigned char)b->data[i] >= 0x20);
}

/* Compact text of a value; the caller ends b. */
static void write_value(struct buf *b, const struct json *v)
{
	buf_init(b, MAX_BYTES);
	json_write_value(b, v);
	check_one_line(b);
	CHECK(json_valid(buf_span(b)));
}

static void check_parse(struct span text)
{
	struct json *root = NULL, *again = NULL;
	struct buf first, second;
	struct err err;

	if (json_parse(text, &root, &err) < 0) {
		CHECK(json_valid(text) == !!strstr(err.message, "U+0000"));
		return;
	}
	CHECK(json_valid(text));
	write_value(&first, root);
	CHECK(json_parse(buf_span(&first), &again, NULL) == 0);
	write_value(&second, again);
	CHECK(span_equal(buf_span(&first), buf_span(&second)));
	buf_fini(&second);
	buf_fini(&first);
	json_free(again);
	json_free(root);
}

static void check_raw(struct span text)
{
	struct buf b;
	size_t i;

	buf_init(&b, MAX_BYTES);
	json_write_raw(&b, text);
	check_one_line(&b);
	CHECK(json_valid(buf_span(&b)));
	if (json_valid(text)) {
		CHECK(b.len == text.len);
		for (i = 0; i < b.len; i++)
			CHECK(b.data[i] == text.data[i] || b.data[i] == ' ');
	}
	buf_fini(&b);
}

/* What a reader should get: the text with U+FFFD where it is not UTF-8. */
static void repair(struct buf *b, struct span text)
{
	size_t at = 0;

	while (at < text.len) {
		bool valid;
		size_t step = utf8_step(text.data + at, text.len - at, &valid);

		if (valid && text.data[at])
			buf_append(b, text.data + at, step);
		else
			buf_puts(b, "\xef\xbf\xbd");
		at += step;
	}
}

static void check_string(struct span text, size_t max_bytes)
{
	struct json *root = NULL;
	struct buf b, expected;
	struct span got;
	size_t whole;
	bool cut;

	buf_init(&b, MAX_BYTES);
	buf_init(&expected, MAX_BYTES);
	repair(&expected, text);

	json_write_string(&b, text);
	check_one_line(&b);
	CHECK(json_parse(buf_span(&b), &root, NULL) == 0);
	CHECK(span_equal(json_string(root), buf_span(&expected)));
	json_free(root);

	whole = b.len;
	buf_reset(&b);
	cut = json_write_string_cut(&b, text, max_bytes);
	CHECK(cut == (whole > max_bytes));
	CHECK(b.len <= max_bytes);
	root = NULL;
	CHECK(json_parse(buf_span(&b), &root, NULL) == 0);
	got = json_string(root);
	CHECK(got.len <= expected.len &&
	      memcmp(got.data, buf_span(&expected).data, got.len) == 0);
	CHECK(cut == (got.len < expected.len));
	json_free(root);
	buf_fini(&expected);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};

	check_parse(text);
	check_raw(text);
	check_string(text, 2 + (size ? data[0] % 64u : 0));
	return 0;
}
