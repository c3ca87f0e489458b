/*
 * Where /proc/sys is hidden, the id is the time when the machine was started:
 * the difference of two clocks that both go on while the machine sleeps.  The
 * difference changes only when somebody sets the time.
 */
#include "lib/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOOTED	    "booted "
#define BOOTED_NEAR 5 /* seconds: a leap second, and reading one by one */

static void put_boot_time(char out[static BOOT_ID_BYTES])
{
	struct timespec wall, up;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &up);
	snprintf(out, BOOT_ID_BYTES, BOOTED "%lld",
		 (long long)(wall.tv_sec - up.tv_sec));
}

void boot_id(char out[static BOOT_ID_BYTES])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(out, 0, BOOT_ID_BYTES);
	if (f && fgets(out, BOOT_ID_BYTES, f))
		out[strcspn(out, "\n")] = '\0';
	else
		put_boot_time(out);
	if (f)
		fclose(f);
}

bool boot_same(const char *a, const char *b)
{
	size_t n = strlen(BOOTED);

	if (strncmp(a, BOOTED, n) != 0 || strncmp(b, BOOTED, n) != 0)
		return strcmp(a, b) == 0;
	return llabs(atoll(a + n) - atoll(b + n)) <= BOOTED_NEAR;
}
