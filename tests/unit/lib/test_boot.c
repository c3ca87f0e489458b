/*
 * The boot's id: the kernel's, or what stands in for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/boot.h"

static void a_boot_is_the_same_as_itself(void **state)
{
	char a[BOOT_ID_BYTES], b[BOOT_ID_BYTES];

	(void)state;
	boot_id(a);
	boot_id(b);
	assert_true(strlen(a) > 8);
	assert_true(boot_same(a, b));
}

static void what_stands_in_for_it_is_compared_as_a_time(void **state)
{
	(void)state;
	assert_true(boot_same("booted 1790000000", "booted 1790000002"));
	assert_false(boot_same("booted 1790000000", "booted 1790000090"));
	assert_false(boot_same("booted 1790000000", ""));
	assert_false(boot_same("", "booted 1790000000"));
	assert_false(boot_same("7b934781-796e", "booted 1790000000"));
	assert_false(boot_same("7b934781-796e", "7b934781-796f"));
	assert_true(boot_same("7b934781-796e", "7b934781-796e"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_boot_is_the_same_as_itself),
	    cmocka_unit_test(what_stands_in_for_it_is_compared_as_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
