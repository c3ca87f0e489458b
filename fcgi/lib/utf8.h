/*
 * utf8: stepping through text that may not be UTF-8.
 *
 * Pure.
 */
#ifndef BELFRY_LIB_UTF8_H
#define BELFRY_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span;

/* Length of the character that text starts with (n >= 1 bytes are there).  Not
 * UTF-8: *valid is false and the length is that of the maximal subpart, which
 * WHATWG decoders replace by one U+FFFD. */
size_t utf8_step(const char *text, size_t n, bool *valid);

/* Writes a character (at most U+10FFFF, no surrogate); returns its length. */
size_t utf8_put(char out[static 4], uint32_t character);

/* Copies text as one line that a terminal can bear: control characters become
 * spaces, what is not UTF-8 becomes '?'.  What does not fit in size bytes (at
 * least 4; the NUL included) is cut between characters, with "…" for the
 * rest.  Returns the length. */
size_t utf8_line(char *out, size_t size, struct span text);

#endif
