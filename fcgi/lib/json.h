/*
 * json: parsing, checking and writing of JSON, and the only door to json-c.
 *
 * The check (lib/json_scan.h) and the writer of strings (lib/json_write.h) are
 * our own: json-c accepts texts that are not JSON, and does not repair text
 * that is not UTF-8.
 *
 * Not thread-safe per object; different objects may be used by different
 * threads.
 */
#ifndef BELFRY_LIB_JSON_H
#define BELFRY_LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/json_scan.h"
#include "lib/json_write.h"

struct err;
struct json; /* a parsed value; children belong to their root */

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

/* ---- writing ---- */

/* A value of a parsed tree, compact, on one line. */
void json_write_value(struct buf *b, const struct json *v);

#endif
