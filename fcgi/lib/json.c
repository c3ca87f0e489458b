/*
 * json_scan() judges a text; only then the tree is built.  The reader here
 * never meets a text that is not JSON, so it checks nothing and can't fail.
 *
 * Both are our own; there is no library.  The judge is needed in any case:
 * `data` of a row is checked on its way into a stream, without allocating, and
 * has to be JSON for every client.  json-c, which built the tree before, can't
 * judge: version 0.16, told to be strict, takes NaN, -01, "1.", control
 * characters in strings, and names in single quotes.  It also cuts a member's
 * name at U+0000 and clamps integers beyond int64.  To keep such texts away
 * from json-c took as much code as this reader, which is faster as well.
 *
 * A tree is one block of memory: first its values, then its texts.  json_scan()
 * has counted the values.  The texts fit, as none gets longer: a decoded string
 * and its NUL take less room than the string and its two quotes; a number's NUL
 * takes the place of the comma or bracket that follows.
 */
#include "lib/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/json_internal.h"
#include "lib/mem.h"
#include "lib/utf8.h"

#define REPLACEMENT 0xfffd

/* ---- building ---- */

/* The values of the block are used from both ends.  Below `top` are those whose
 * array or object is still open; with its end, its children move to the upper
 * part, where they stay side by side. */
struct reader {
	const char *p, *end; /* in the text */
	struct json *top, *done;
	char *out; /* where the next string goes */
	bool nul_in_name;
};

static void read_value(struct reader *r, struct json *v);

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' ||
				 *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static uint32_t hex4(const char *digits)
{
	uint32_t c = 0;

	/* The low four bits of 'a' and 'A' are 1. */
	for (int i = 0; i < 4; i++)
		c = c << 4 |
		    ((uint32_t)(digits[i] & 15) + (digits[i] > '9' ? 9 : 0));
	return c;
}

/* After \u.  A half of a surrogate pair without the other: U+FFFD. */
static uint32_t read_unicode(struct reader *r)
{
	uint32_t c = hex4(r->p), low;

	r->p += 4;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c > 0xdbff || r->p[0] != '\\' || r->p[1] != 'u')
		return REPLACEMENT;
	low = hex4(r->p + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT;
	r->p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* After a backslash. */
static void read_escape(struct reader *r)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	char c = *r->p++;

	if (c == 'u')
		r->out += utf8_put(r->out, read_unicode(r));
	else
		*r->out++ = bytes[strchr(names, c) - names];
}

static struct span read_string(struct reader *r)
{
	const char *start = r->out;
	size_t run;

	for (r->p++; *r->p != '"';) {
		run = json_plain_run(r->p, (size_t)(r->end - r->p));
		memcpy(r->out, r->p, run);
		r->out += run;
		r->p += run;
		while ((unsigned char)*r->p >= 0x80)
			*r->out++ = *r->p++;
		if (*r->p == '\\') {
			r->p++;
			read_escape(r);
		}
	}
	r->p++;
	*r->out++ = '\0';
	return (struct span){start, (size_t)(r->out - start) - 1};
}

/* An integer, or the digits of what int64 can't hold exactly. */
static void read_number(struct reader *r, struct json *v)
{
	size_t len = json_number_run(r->p, (size_t)(r->end - r->p));
	char *rest;

	memcpy(r->out, r->p, len);
	r->out[len] = '\0';
	r->p += len;
	errno = 0;
	v->type = JSON_INT;
	v->integer = strtoll(r->out, &rest, 10);
	if (!*rest && errno == 0)
		return;
	v->type = JSON_NUMBER;
	v->text = (struct span){r->out, len};
	r->out += len + 1;
}

static int by_name(const void *a, const void *b)
{
	const struct json *one = *(const struct json *const *)a;
	const struct json *other = *(const struct json *const *)b;
	int order = strcmp(one->name, other->name);

	return order ? order : (one > other) - (one < other);
}

/* Of members with the same name the last one counts, in the first one's place.
 * Returns how many are left.  Sorted, as a peer may send very many. */
static size_t drop_repeated(struct json *members, size_t n)
{
	struct json **sorted = mem_array(n, sizeof(struct json *)), *first;
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		sorted[i] = &members[i];
	qsort(sorted, n, sizeof(struct json *), by_name);
	first = sorted[0];
	for (size_t i = 1; i < n; i++) {
		if (strcmp(first->name, sorted[i]->name) == 0) {
			*first = *sorted[i];
			sorted[i]->name = NULL;
		} else {
			first = sorted[i];
		}
	}
	free(sorted);
	for (size_t i = 0; i < n; i++)
		if (members[i].name)
			members[left++] = members[i];
	return left;
}

/* At a name; leaves at the member's value. */
static const char *read_name(struct reader *r)
{
	struct span name = read_string(r);

	if (memchr(name.data, '\0', name.len))
		r->nul_in_name = true;
	skip_space(r);
	r->p++; /* the colon */
	skip_space(r);
	return name.data;
}

static void read_children(struct reader *r, struct json *v)
{
	struct json *first = r->top;
	size_t n;

	v->type = *r->p == '{' ? JSON_OBJECT : JSON_ARRAY;
	for (r->p++, skip_space(r); *r->p != ']' && *r->p != '}';) {
		struct json *child = r->top++;

		*child = (struct json){.type = JSON_NULL};
		if (v->type == JSON_OBJECT)
			child->name = read_name(r);
		read_value(r, child);
		skip_space(r);
		if (*r->p == ',') {
			r->p++;
			skip_space(r);
		}
	}
	r->p++;
	n = (size_t)(r->top - first);
	if (v->type == JSON_OBJECT && n > 1)
		n = drop_repeated(first, n);
	r->done -= n;
	memmove(r->done, first, n * sizeof(*first));
	r->top = first;
	v->children.first = r->done;
	v->children.count = n;
}

static void read_value(struct reader *r, struct json *v)
{
	switch (*r->p) {
	case '{':
	case '[':
		read_children(r, v);
		break;
	case '"':
		v->type = JSON_STRING;
		v->text = read_string(r);
		break;
	case 'n':
		v->type = JSON_NULL;
		r->p += strlen("null");
		break;
	case 't':
	case 'f':
		v->type = JSON_BOOL;
		v->boolean = *r->p == 't';
		r->p += strlen(v->boolean ? "true" : "false");
		break;
	default:
		read_number(r, v);
		break;
	}
}

int json_parse(struct span text, struct json **out, struct err *err)
{
	struct reader r = {.p = text.data, .end = text.data + text.len};
	size_t values;
	struct json *root;

	if (json_scan(text, &values, err) < 0)
		return -1;
	root = mem_new(values * sizeof(*root) + text.len + 1);
	r.top = root + 1;
	r.done = root + values;
	r.out = (char *)(root + values);
	skip_space(&r);
	read_value(&r, root);
	if (r.nul_in_name) {
		free(root);
		return err_set(err, ERR_INVALID,
			       "JSON: a member name has U+0000 in it");
	}
	*out = root;
	return 0;
}

void json_free(struct json *root)
{
	free(root);
}

/* ---- reading ---- */

enum json_type json_type(const struct json *v)
{
	return v ? v->type : JSON_NULL;
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

size_t json_count(const struct json *v)
{
	enum json_type type = json_type(v);

	return type == JSON_ARRAY || type == JSON_OBJECT ? v->children.count
							 : 0;
}

const struct json *json_at(const struct json *array, size_t index)
{
	if (json_type(array) != JSON_ARRAY || index >= json_count(array))
		return NULL;
	return array->children.first + index;
}

const struct json *json_get(const struct json *object, const char *name,
			    bool *found)
{
	size_t n = json_type(object) == JSON_OBJECT ? json_count(object) : 0;
	const struct json *v = NULL;

	for (size_t i = 0; i < n && !v; i++)
		if (strcmp(object->children.first[i].name, name) == 0)
			v = object->children.first + i;
	if (found)
		*found = v != NULL;
	return v;
}

struct span json_string(const struct json *v)
{
	return json_type(v) == JSON_STRING ? v->text : SPAN_NONE;
}

int64_t json_int(const struct json *v)
{
	return json_type(v) == JSON_INT ? v->integer : 0;
}

bool json_bool(const struct json *v)
{
	return json_type(v) == JSON_BOOL && v->boolean;
}

int json_each(const struct json *object,
	      int (*fn)(void *context, const char *name, const struct json *v),
	      void *context)
{
	size_t n = json_type(object) == JSON_OBJECT ? json_count(object) : 0;
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++) {
		const struct json *v = object->children.first + i;

		result = fn(context, v->name, v);
	}
	return result;
}
