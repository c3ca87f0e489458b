/*
 * Messages stay one clean line whatever goes in; codes have a name and an exit
 * status each.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"

static void set_formats_and_returns_minus_one(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_CONFLICT, "row %d of %s", 7, "x"), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_string_equal(e.message, "row 7 of x");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody asks"), -1);
}

static void an_error_can_wrap_itself(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_IO, "disk on fire");
	err_set(&e, e.code, "journal: %s", e.message);
	assert_string_equal(e.message, "journal: disk on fire");
}

static void a_message_is_one_line_of_utf8(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_INVALID, "%s", "a\r\nb\x1b[31mc\xff\xc3");
	assert_string_equal(e.message, "a  b [31mc??");
	err_set(&e, ERR_INVALID, "%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
	assert_string_equal(e.message, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
}

static void a_long_message_is_cut_between_characters(void **state)
{
	char text[2 * ERR_MESSAGE_BYTES];
	struct err e;
	size_t shift, i;

	(void)state;
	/* Every position of the cut within a character of three bytes. */
	for (shift = 0; shift < 3; shift++) {
		memset(text, 'x', shift);
		for (i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[i] = '\0';
		err_set(&e, ERR_INVALID, "%s", text);
		i = strlen(e.message);
		assert_in_range(i, ERR_MESSAGE_BYTES - 4,
				ERR_MESSAGE_BYTES - 1);
		assert_string_equal(e.message + i - 3, "…");
		assert_int_equal((i - 3 - shift) % 3, 0);
	}
}

static void a_message_that_just_fits_is_whole(void **state)
{
	char text[ERR_MESSAGE_BYTES + 1];
	struct err e;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[ERR_MESSAGE_BYTES - 1] = '\0';
	err_set(&e, ERR_INVALID, "%s", text);
	assert_string_equal(e.message, text);

	text[ERR_MESSAGE_BYTES - 1] = 'x';
	text[ERR_MESSAGE_BYTES] = '\0';
	err_set(&e, ERR_INVALID, "%s", text);
	assert_int_equal(strlen(e.message), ERR_MESSAGE_BYTES - 1);
	assert_string_equal(e.message + ERR_MESSAGE_BYTES - 4, "…");
}

static void errno_gives_code_and_reason(void **state)
{
	static const struct {
		int error;
		enum err_code code;
	} cases[] = {{ENOSPC, ERR_FULL},       {EROFS, ERR_READONLY},
		     {EACCES, ERR_READONLY},   {EPIPE, ERR_HANGUP},
		     {ECONNRESET, ERR_HANGUP}, {EIO, ERR_IO},
		     {ENOENT, ERR_IO}};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		errno = cases[i].error;
		assert_int_equal(err_set_errno(&e, "open %s", "a.db"), -1);
		assert_int_equal(e.code, cases[i].code);
	}
	assert_string_equal(e.message, "open a.db: No such file or directory");
	assert_int_equal(err_set_errno(NULL, "nobody asks"), -1);
}

static void every_code_has_its_own_name(void **state)
{
	int a, b;

	(void)state;
	for (a = 0; a < ERR_CODES; a++) {
		assert_non_null(err_name((enum err_code)a));
		for (b = 0; b < a; b++)
			assert_string_not_equal(err_name((enum err_code)a),
						err_name((enum err_code)b));
	}
	assert_string_equal(err_name(ERR_BUSY), "busy");
	assert_string_equal(err_name(ERR_NOT_FOUND), "not-found");
}

static void exit_statuses_are_those_of_sysexits(void **state)
{
	int code;

	(void)state;
	assert_int_equal(err_exit_status(ERR_OK), 0);
	assert_int_equal(err_exit_status(ERR_USAGE), 64);
	assert_int_equal(err_exit_status(ERR_CONFIG), 78);
	assert_int_equal(err_exit_status(ERR_BUSY), 75);
	assert_int_equal(err_exit_status(ERR_INTERNAL), 70);
	for (code = ERR_OK + 1; code < ERR_CODES; code++)
		assert_in_range(err_exit_status((enum err_code)code), 64, 78);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_formats_and_returns_minus_one),
	    cmocka_unit_test(an_error_can_wrap_itself),
	    cmocka_unit_test(a_message_is_one_line_of_utf8),
	    cmocka_unit_test(a_long_message_is_cut_between_characters),
	    cmocka_unit_test(a_message_that_just_fits_is_whole),
	    cmocka_unit_test(errno_gives_code_and_reason),
	    cmocka_unit_test(every_code_has_its_own_name),
	    cmocka_unit_test(exit_statuses_are_those_of_sysexits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
