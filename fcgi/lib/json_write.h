/*
 * json_write: JSON strings and JSON texts as bytes.  Others include lib/json.h.
 */
#ifndef BELFRY_LIB_JSON_WRITE_H
#define BELFRY_LIB_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/* Writes a quoted string.  Bytes that are not UTF-8 become U+FFFD (as WHATWG
 * decoders do it: one per maximal subpart), NUL likewise; control characters
 * are escaped, U+2028 and U+2029 too; nothing else is. */
void json_write_string(struct buf *b, struct span text);
/* The same, but the quoted form takes at most max_bytes and is cut between
 * characters; true when it was cut. */
bool json_write_string_cut(struct buf *b, struct span text, size_t max_bytes);
/* Writes a text that json_valid() accepts, unchanged but for line breaks and
 * tabs between tokens, which become spaces (numbers keep their digits). A text
 * that is not valid is written as a JSON string. */
void json_write_raw(struct buf *b, struct span text);
/* Writes a quoted string of at most max_bytes (at least 2), cut between
 * characters; true when it was cut.  `nul` is what stands for U+0000. */
bool json_write_text(struct buf *b, struct span text, size_t max_bytes,
		     const char *nul);

#endif
