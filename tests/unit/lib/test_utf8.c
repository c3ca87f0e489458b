/*
 * Where characters end, and where broken ones do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/utf8.h"

/* What RFC 3629 says in words, as a reference that shares no code. */
static void encode(uint32_t c, char out[static 4], size_t *len)
{
	if (c < 0x80) {
		out[0] = (char)c;
		*len = 1;
	} else if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		*len = 2;
	} else if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		*len = 3;
	} else {
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 0x3f));
		out[2] = (char)(0x80 | (c >> 6 & 0x3f));
		out[3] = (char)(0x80 | (c & 0x3f));
		*len = 4;
	}
}

static void every_code_point(void **state)
{
	uint32_t c;

	(void)state;
	for (c = 0; c < 0x120000; c++) {
		char text[4];
		size_t len, step;
		bool valid, right;

		encode(c, text, &len);
		step = utf8_step(text, len, &valid);
		right = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		if (valid != right || (right && step != len))
			fail_msg("U+%04X: valid %d, step %zu", c, valid, step);
		/* Cut short, all of what is there is one part. */
		if (right && len > 1 &&
		    (utf8_step(text, len - 1, &valid) != len - 1 || valid))
			fail_msg("U+%04X without its last byte", c);
	}
}

static void broken_sequences(void **state)
{
	static const struct {
		const char *text;
		size_t step;
	} cases[] = {
	    {"\x80", 1},     /* a continuation alone */
	    {"\xc0\x80", 1}, /* overlong */
	    {"\xc1\xbf", 1},
	    {"\xe0\x80\x80", 1},     /* overlong: E0 is alone */
	    {"\xed\xa0\x80", 1},     /* surrogate */
	    {"\xf0\x8f\xbf\xbf", 1}, /* overlong */
	    {"\xf4\x90\x80\x80", 1}, /* over U+10FFFF */
	    {"\xf5\x80", 1},
	    {"\xff", 1},
	    {"\xe2\x82x", 2}, /* left in the middle */
	    {"\xf0\x9f\x98x", 3},
	    {"\xf0\x9f\x98\xf0", 3},
	    {"\xc3(", 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool valid = true;
		size_t step =
		    utf8_step(cases[i].text, strlen(cases[i].text), &valid);

		assert_false(valid);
		assert_int_equal(step, cases[i].step);
	}
}

static void lines_for_a_terminal(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(utf8_line(out, sizeof(out), SPAN("a\0b\tc")), 5);
	assert_string_equal(out, "a b c");
	/* U+009B starts a command on some terminals. */
	utf8_line(out, sizeof(out),
		  SPAN("x\xc2\x9b"
		       "31m\x7f"));
	assert_string_equal(out, "x 31m ");
	utf8_line(out, sizeof(out), SPAN("123456789012345"));
	assert_string_equal(out, "123456789012345");
	assert_int_equal(utf8_line(out, sizeof(out), SPAN("1234567890123456")),
			 15);
	assert_string_equal(out, "123456789012…");
	utf8_line(out, 4, SPAN("abcd"));
	assert_string_equal(out, "…");
	utf8_line(out, 4, SPAN_NONE);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_point),
	    cmocka_unit_test(broken_sequences),
	    cmocka_unit_test(lines_for_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
