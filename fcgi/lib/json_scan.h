/*
 * json_scan: is a text JSON, and where does plain text end?  Allocates
 * nothing, builds nothing.  Pure.
 */
#ifndef BELFRY_LIB_JSON_SCAN_H
#define BELFRY_LIB_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct span;

#define JSON_DEPTH_MAX 64

/* What a text holds that not every reader can take. */
struct json_facts {
	bool nul_in_name;  /* a member name with \u0000 */
	bool huge_integer; /* an integer beyond int64 */
};

/* Checks that text is exactly one value of RFC 8259 in UTF-8, nested at most
 * JSON_DEPTH_MAX deep.  ERR_INVALID says what was expected and what was found
 * at which byte. */
int json_scan(struct span text, struct json_facts *facts, struct err *err);

/* True when the text is one JSON value as json_parse takes it, or would but for
 * a member name with U+0000 in it, which json_parse refuses. */
bool json_valid(struct span text);

/* How many bytes from the start need neither an escape nor a second look in a
 * JSON string: ASCII without control characters, quotes, and backslashes. */
size_t json_plain_run(const char *text, size_t n);

/* Length of the number that text starts with; *huge: an integer beyond
 * int64.  0: it is no number. */
size_t json_number_run(const char *text, size_t n, bool *huge);

#endif
