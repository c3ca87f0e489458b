/*
 * json_scan() judges the text, json-c only builds the tree, json_write_string()
 * and its like write.
 *
 * Two things json-c can't hold are dealt with before it sees them.  Member
 * names with a NUL are refused.  Integers beyond int64, which it would clamp or
 * refuse, get an exponent that changes nothing (HUGE_MARK), so that it takes
 * them for doubles, whose source text it keeps; writing takes the mark off
 * again.
 */
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>

/* Two types of json-c bear the names of functions of ours. */
#define json_bool jsonc_bool
#define json_type jsonc_type
#include <json-c/json.h>
#undef json_bool
#undef json_type

#include "lib/err.h"
#include "lib/json_scan.h"
#include "lib/json_write.h"

#define HUGE_MARK "e+000"

/* ---- reading ---- */

/* json-c's getters do not change a value, but not all of them say so. */
static struct json_object *node(const struct json *v)
{
	return (struct json_object *)(uintptr_t)v;
}

static const struct json *value(const struct json_object *o)
{
	return (const struct json *)o;
}

static void mark_huge_integers(struct buf *b, struct span text)
{
	const char *p = text.data, *end = text.data + text.len;
	bool in_string = false, huge;
	size_t run;

	for (; p < end; p += run) {
		huge = false;
		run = 1;
		if (in_string && *p == '\\')
			run = 2;
		else if (*p == '"')
			in_string = !in_string;
		else if (!in_string && (*p == '-' || (*p >= '0' && *p <= '9')))
			run = json_number_run(p, (size_t)(end - p), &huge);
		buf_append(b, p, run);
		if (huge)
			buf_puts(b, HUGE_MARK);
	}
}

static int build(struct span text, struct json **out, struct err *err)
{
	/* json-c counts its own depth from one and wants one to spare. */
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	struct json_object *root;
	int result = 0;

	if (!t)
		abort();
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(t, text.data, (int)text.len);
	/* A number at the end goes on until something else is seen. */
	if (json_tokener_get_error(t) == json_tokener_continue)
		root = json_tokener_parse_ex(t, "", 1);
	if (json_tokener_get_error(t) == json_tokener_success)
		*out = (struct json *)root;
	else
		result =
		    err_set(err, ERR_INVALID, "JSON: %s at byte %zu",
			    json_tokener_error_desc(json_tokener_get_error(t)),
			    json_tokener_get_parse_end(t));
	json_tokener_free(t);
	return result;
}

int json_parse(struct span text, struct json **out, struct err *err)
{
	struct json_facts facts;
	struct buf marked;
	int result;

	if (text.len > INT32_MAX / 2)
		return err_set(err, ERR_TOO_LARGE,
			       "JSON: a text of %zu bytes is too long",
			       text.len);
	if (json_scan(text, &facts, err) < 0)
		return -1;
	if (facts.nul_in_name)
		return err_set(err, ERR_INVALID,
			       "JSON: a member name has U+0000 in it");
	if (!facts.huge_integer)
		return build(text, out, err);
	buf_init(&marked, INT32_MAX);
	mark_huge_integers(&marked, text);
	result = build(buf_span(&marked), out, err);
	buf_fini(&marked);
	return result;
}

void json_free(struct json *root)
{
	json_object_put((struct json_object *)root);
}

enum json_type json_type(const struct json *v)
{
	switch (json_object_get_type(node(v))) {
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_int:
		return JSON_INT;
	case json_type_double:
		return JSON_NUMBER;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	case json_type_null:
	default:
		return JSON_NULL;
	}
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
	    [JSON_NULL] = "null",	 [JSON_BOOL] = "a boolean",
	    [JSON_INT] = "an integer",	 [JSON_NUMBER] = "a number",
	    [JSON_STRING] = "a string",	 [JSON_ARRAY] = "an array",
	    [JSON_OBJECT] = "an object",
	};

	return names[type];
}

const struct json *json_get(const struct json *object, const char *name,
			    bool *found)
{
	struct json_object *member = NULL;
	bool there = json_type(object) == JSON_OBJECT &&
		     json_object_object_get_ex(node(object), name, &member);

	if (found)
		*found = there;
	return value(member);
}

size_t json_count(const struct json *v)
{
	switch (json_type(v)) {
	case JSON_ARRAY:
		return json_object_array_length(node(v));
	case JSON_OBJECT:
		return (size_t)json_object_object_length(node(v));
	default:
		return 0;
	}
}

const struct json *json_at(const struct json *array, size_t index)
{
	if (index >= json_count(array) || json_type(array) != JSON_ARRAY)
		return NULL;
	return value(json_object_array_get_idx(node(array), index));
}

struct span json_string(const struct json *v)
{
	if (json_type(v) != JSON_STRING)
		return SPAN_NONE;
	return (struct span){json_object_get_string(node(v)),
			     (size_t)json_object_get_string_len(node(v))};
}

int64_t json_int(const struct json *v)
{
	return json_type(v) == JSON_INT ? json_object_get_int64(node(v)) : 0;
}

bool json_bool(const struct json *v)
{
	return json_type(v) == JSON_BOOL && json_object_get_boolean(node(v));
}

int json_each(const struct json *object,
	      int (*fn)(void *context, const char *name, const struct json *v),
	      void *context)
{
	const struct lh_entry *e;
	int result = 0;

	if (json_type(object) != JSON_OBJECT)
		return 0;
	e = lh_table_head(json_object_get_object(node(object)));
	for (; e && result == 0; e = lh_entry_next(e))
		result = fn(context, lh_entry_k(e), lh_entry_v(e));
	return result;
}

/* ---- writing ---- */

static void write_number(struct buf *b, const struct json *v)
{
	const size_t mark = sizeof(HUGE_MARK) - 1;
	bool huge;
	size_t len;
	const char *text = json_object_to_json_string_length(
	    node(v), JSON_C_TO_STRING_PLAIN, &len);

	/* Only where it is ours: somebody may write 1e+000 after all. */
	if (len > mark && memcmp(text + len - mark, HUGE_MARK, mark) == 0 &&
	    json_number_run(text, len - mark, &huge) == len - mark && huge)
		len -= mark;
	buf_append(b, text, len);
}

static void write_array(struct buf *b, const struct json *v)
{
	size_t i, n = json_count(v);

	buf_putc(b, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		json_write_value(b, json_at(v, i));
	}
	buf_putc(b, ']');
}

static void write_object(struct buf *b, const struct json *v)
{
	const struct lh_entry *e;
	bool first = true;

	buf_putc(b, '{');
	e = lh_table_head(json_object_get_object(node(v)));
	for (; e; e = lh_entry_next(e)) {
		if (!first)
			buf_putc(b, ',');
		first = false;
		json_write_string(b, span_of(lh_entry_k(e)));
		buf_putc(b, ':');
		json_write_value(b, lh_entry_v(e));
	}
	buf_putc(b, '}');
}

void json_write_value(struct buf *b, const struct json *v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		buf_puts(b, "null");
		break;
	case JSON_BOOL:
		buf_puts(b, json_bool(v) ? "true" : "false");
		break;
	case JSON_INT:
		buf_put_int(b, json_int(v));
		break;
	case JSON_NUMBER:
		write_number(b, v);
		break;
	case JSON_STRING:
		/* A NUL stays what it was in the text, an escape. */
		json_write_text(b, json_string(v), SIZE_MAX, "\\u0000");
		break;
	case JSON_ARRAY:
		write_array(b, v);
		break;
	case JSON_OBJECT:
		write_object(b, v);
		break;
	}
}
