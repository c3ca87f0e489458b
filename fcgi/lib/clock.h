/*
 * clock: the two clocks, and dates as text.  Wall time (Unix milliseconds) is
 * for data and people; monotonic time (nanoseconds) is for deadlines.
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_CLOCK_H
#define BELFRY_LIB_CLOCK_H

#include <stdint.h>

#define CLOCK_RFC3339_BYTES 32

int64_t clock_wall_ms(void);
int64_t clock_mono_ns(void);
/* "2026-01-02T03:04:05.678Z"; years beyond 9999 are clamped. Returns out. */
const char *clock_rfc3339(char out[static CLOCK_RFC3339_BYTES], int64_t ms);
/* Parses RFC 3339 with any offset and 0 to 9 fraction digits; 0 or -1. */
int clock_parse_rfc3339(const char *text, int64_t *ms);

#endif
