/*
 * json_write: the writer behind json_write_string() and its like (lib/json.h is
 * what others include).
 */
#ifndef BELFRY_LIB_JSON_WRITE_H
#define BELFRY_LIB_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/* Writes a quoted string of at most max_bytes (at least 2), cut between
 * characters; true when it was cut.  `nul` is what stands for U+0000. */
bool json_write_text(struct buf *b, struct span text, size_t max_bytes,
		     const char *nul);

#endif
