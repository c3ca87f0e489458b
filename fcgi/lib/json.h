/*
 * json: checking, parsing and writing of JSON (RFC 8259).
 *
 * Not thread-safe per object; different objects may be used by different
 * threads.
 */
#ifndef BELFRY_LIB_JSON_H
#define BELFRY_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct err;
struct json; /* a parsed value; children belong to their root */

#define JSON_DEPTH_MAX 64

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,    /* an integer that fits an int64_t */
	JSON_NUMBER, /* any other number */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* ---- reading ---- */

/* True when the text is exactly one value in UTF-8, nested at most
 * JSON_DEPTH_MAX deep.  Allocates nothing. */
bool json_valid(struct span text);

/* Parses a text that json_valid() accepts and that has no member name with
 * U+0000 in it.  Otherwise ERR_INVALID says what is wrong, and at which byte
 * the text stops being JSON.  The text is not needed afterwards.  The caller
 * frees with json_free. */
int json_parse(struct span text, struct json **out, struct err *err);
void json_free(struct json *root); /* NULL is fine */

enum json_type json_type(const struct json *v);	 /* NULL is JSON_NULL */
const char *json_type_name(enum json_type type); /* "an array", … */
/* The member of that name, or NULL when absent.  *found (may be NULL): it is
 * there.  Where a name was given twice, the last value counts. */
const struct json *json_get(const struct json *object, const char *name,
			    bool *found);
size_t json_count(const struct json *array_or_object);
const struct json *json_at(const struct json *array, size_t index);
struct span json_string(const struct json *v); /* JSON_STRING only */
int64_t json_int(const struct json *v);	       /* JSON_INT only */
bool json_bool(const struct json *v);	       /* JSON_BOOL only */
/* Calls fn for each member in order until it returns non-zero, which is
 * returned; 0 otherwise. */
int json_each(const struct json *object,
	      int (*fn)(void *context, const char *name, const struct json *v),
	      void *context);

/* ---- writing ---- */

/* A value of a parsed tree, compact, on one line.  Numbers beyond int64 or with
 * a fraction or exponent keep their digits. */
void json_write_value(struct buf *b, const struct json *v);
/* Writes a quoted string.  Bytes that are not UTF-8 become U+FFFD (as WHATWG
 * decoders do it: one per maximal subpart), NUL likewise; control characters
 * are escaped, U+2028 and U+2029 too; nothing else is. */
void json_write_string(struct buf *b, struct span text);
/* The same, but the quoted form takes at most max_bytes (at least 2) and is cut
 * between characters; true when it was cut. */
bool json_write_string_cut(struct buf *b, struct span text, size_t max_bytes);
/* Writes a text that json_valid() accepts, unchanged but for line breaks and
 * tabs between tokens, which become spaces (numbers keep their digits). A text
 * that is not valid is written as a JSON string. */
void json_write_raw(struct buf *b, struct span text);

#endif
