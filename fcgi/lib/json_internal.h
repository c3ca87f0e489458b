/*
 * json_internal: what the files of lib/json share.  Others include lib/json.h.
 */
#ifndef BELFRY_LIB_JSON_INTERNAL_H
#define BELFRY_LIB_JSON_INTERNAL_H

#include "lib/json.h"

struct json {
	enum json_type type;
	const char *name; /* as a member of an object, else NULL */
	union {
		bool boolean;
		int64_t integer;
		struct span text; /* JSON_STRING, JSON_NUMBER */
		struct {
			const struct json *first; /* side by side */
			size_t count;
		} children;
	};
};

/* Checks that text is exactly one value of RFC 8259 in UTF-8, nested at most
 * JSON_DEPTH_MAX deep.  *values: how many values it has, the outermost one and
 * all within it.  Allocates nothing.  ERR_INVALID says what was expected and
 * what was found at which byte. */
int json_scan(struct span text, size_t *values, struct err *err);

/* How many bytes from the start need neither an escape nor a second look in a
 * JSON string: ASCII without control characters, quotes, and backslashes. */
size_t json_plain_run(const char *text, size_t n);

/* Length of the number that text starts with; 0: it starts with none. */
size_t json_number_run(const char *text, size_t n);

#endif
