/*
 * boot: is this still the same run of the machine?
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_BOOT_H
#define BELFRY_LIB_BOOT_H

#include <stdbool.h>

#define BOOT_ID_BYTES 64

/* The kernel's id of this boot, and zeros behind it.  Where the kernel's is
 * hidden: an id of our own, by which setting the clock looks like a new boot
 * (better one too many than one missed). */
void boot_id(char out[static BOOT_ID_BYTES]);
bool boot_same(const char *a, const char *b);

#endif
