/*
 * The boot's id: the kernel's, or what stands in for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "journal_head.h"

static void a_boot_is_the_same_as_itself(void **state)
{
	char a[JOURNAL_HEAD_TEXT_BYTES], b[JOURNAL_HEAD_TEXT_BYTES];

	(void)state;
	journal_boot_id(a);
	journal_boot_id(b);
	assert_true(strlen(a) > 8);
	assert_true(journal_same_boot(a, b));
}

static void what_stands_in_for_it_is_compared_as_a_time(void **state)
{
	(void)state;
	assert_true(
	    journal_same_boot("booted 1790000000", "booted 1790000002"));
	assert_false(
	    journal_same_boot("booted 1790000000", "booted 1790000090"));
	assert_false(journal_same_boot("booted 1790000000", ""));
	assert_false(journal_same_boot("", "booted 1790000000"));
	assert_false(journal_same_boot("7b934781-796e", "booted 1790000000"));
	assert_false(journal_same_boot("7b934781-796e", "7b934781-796f"));
	assert_true(journal_same_boot("7b934781-796e", "7b934781-796e"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_boot_is_the_same_as_itself),
	    cmocka_unit_test(what_stands_in_for_it_is_compared_as_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
