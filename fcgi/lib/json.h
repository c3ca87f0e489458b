/*
 * json: the only door to json-c (parsing), and our own writer of strings,
 * because json-c does not repair text that is not UTF-8.
 *
 * Not thread-safe per object; different objects may be used by different
 * threads.
 */
#ifndef BELFRY_LIB_JSON_H
#define BELFRY_LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct err;
struct json; /* a parsed value; children belong to their root */

#define JSON_DEPTH_MAX 64

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* ---- reading ---- */

/* Parses exactly one value (RFC 8259, UTF-8 checked, depth bounded, nothing
 * but white space after it).  ERR_INVALID says what and at which byte. The
 * caller frees with json_free. */
int json_parse(struct span text, struct json **out, struct err *err);
void json_free(struct json *root); /* NULL is fine */

enum json_type json_type(const struct json *v);	 /* NULL is JSON_NULL */
const char *json_type_name(enum json_type type); /* "an array", … */
/* The member of that name, or NULL when absent (present null: JSON_NULL
 * value; tell the two apart with `found`, which may be NULL). */
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

/* True when the text is one JSON value as json_parse takes it, or would but for
 * a member name with U+0000 in it, which json_parse refuses. */
bool json_valid(struct span text);

/* ---- writing ---- */

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
/* A value of a parsed tree, compact, on one line. */
void json_write_value(struct buf *b, const struct json *v);

#endif
