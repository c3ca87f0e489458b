/*
 * boot: is this still the same run of the machine?
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_BOOT_H
#define BELFRY_LIB_BOOT_H

#include <stdbool.h>

#define BOOT_ID_BYTES 64

/* This boot's id of the kernel's; where it is hidden, one of our own, by which
 * setting the clock looks like a new boot: rather one too many.  Zeros behind
 * it. */
void boot_id(char out[static BOOT_ID_BYTES]);
bool boot_same(const char *a, const char *b);

#endif
