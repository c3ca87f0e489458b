/*
 * What a publisher says.  One table has what each member may be, so that every
 * message names its member, what was expected, and what was found.
 */
#include "inbox/notification.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/log.h"

enum kind {
	KIND_USER,
	KIND_TEXT,
	KIND_TEXT_OR_NULL,
	KIND_TYPE,
	KIND_DATA,
	KIND_PRIORITY,
	KIND_EXPIRES
};

static const char *const expectations[] = {
    [KIND_USER] = "a user's id or \"*\" for everyone, without U+0000",
    [KIND_TEXT] = "a string",
    [KIND_TEXT_OR_NULL] = "a string or null",
    [KIND_TYPE] = "a string or null",
    [KIND_DATA] = "any value",
    [KIND_PRIORITY] = "an integer from 1 to 5",
    [KIND_EXPIRES] = "an RFC 3339 time (2026-01-02T03:04:05Z) or null",
};

#define AT(field) offsetof(struct notification_input, field)

static const struct member {
	const char *name;
	unsigned flag;
	enum kind kind;
	size_t offset; /* of its span */
} members[] = {
    {"userId", NOTIFICATION_HAS_USER, KIND_USER, AT(user_id)},
    {"type", NOTIFICATION_HAS_TYPE, KIND_TYPE, AT(type)},
    {"title", NOTIFICATION_HAS_TITLE, KIND_TEXT, AT(title)},
    {"body", NOTIFICATION_HAS_BODY, KIND_TEXT_OR_NULL, AT(body)},
    {"data", NOTIFICATION_HAS_DATA, KIND_DATA, AT(data)},
    {"link", NOTIFICATION_HAS_LINK, KIND_TEXT_OR_NULL, AT(link)},
    {"priority", NOTIFICATION_HAS_PRIORITY, KIND_PRIORITY, 0},
    {"expiresAt", NOTIFICATION_HAS_EXPIRES, KIND_EXPIRES, 0},
    {"dedupeKey", NOTIFICATION_HAS_DEDUPE, KIND_TEXT_OR_NULL, AT(dedupe_key)},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

struct parse {
	struct notification_input in;
	struct err *err;
};

static int refuse(const struct parse *p, const struct member *m,
		  const char *found)
{
	return err_set(p->err, ERR_INVALID, "%s: expected %s, got %s", m->name,
		       expectations[m->kind], found);
}

/* What was found, in words: its type, or the value where the type is right. */
static int refuse_value(const struct parse *p, const struct member *m,
			const struct json *v, enum json_type right)
{
	char found[LOG_TEXT_BYTES];

	if (json_type(v) != right)
		return refuse(p, m, json_type_name(json_type(v)));
	if (right == JSON_STRING)
		return refuse(p, m, log_text(found, json_string(v)));
	snprintf(found, sizeof(found), "%" PRId64, json_int(v));
	return refuse(p, m, found);
}

static int take_text(struct parse *p, const struct member *m,
		     const struct json *v)
{
	struct span text = json_string(v);
	bool null_is_fine =
	    m->kind == KIND_TEXT_OR_NULL || m->kind == KIND_TYPE;

	if (!text.data && (json_type(v) != JSON_NULL || !null_is_fine))
		return refuse_value(p, m, v, JSON_STRING);
	/* A name that is cut at its NUL would be somebody else's. */
	if (m->kind == KIND_USER &&
	    (!text.data || !text.len || memchr(text.data, '\0', text.len)))
		return refuse_value(p, m, v, JSON_STRING);
	if (!text.data && m->kind == KIND_TYPE)
		text = SPAN(NOTIFICATION_TYPE_DEFAULT);
	memcpy((char *)&p->in + m->offset, &text, sizeof(text));
	return 0;
}

static void take_data(struct parse *p, const struct json *v)
{
	struct buf b;

	if (json_type(v) == JSON_NULL)
		return;
	buf_init(&b, SIZE_MAX);
	json_write_value(&b, v);
	p->in.data.data = p->in.data_text = buf_take(&b, &p->in.data.len);
}

static int take_priority(struct parse *p, const struct member *m,
			 const struct json *v)
{
	p->in.priority = NOTIFICATION_PRIORITY_DEFAULT;
	if (json_type(v) == JSON_NULL)
		return 0;
	p->in.priority = json_int(v);
	if (json_type(v) != JSON_INT || p->in.priority < 1 ||
	    p->in.priority > 5)
		return refuse_value(p, m, v, JSON_INT);
	return 0;
}

static int take_expires(struct parse *p, const struct member *m,
			const struct json *v)
{
	struct span text = json_string(v);
	char copy[64];
	int64_t ms;

	if (json_type(v) == JSON_NULL)
		return 0;
	if (!text.data || text.len >= sizeof(copy) ||
	    memchr(text.data, '\0', text.len))
		return refuse_value(p, m, v, JSON_STRING);
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (clock_parse_rfc3339(copy, &ms) < 0)
		return refuse_value(p, m, v, JSON_STRING);
	/* 0 would mean never: what ended in 1970 or before has ended. */
	p->in.expires_at = ms < 1 ? 1 : ms;
	return 0;
}

static int take_member(struct parse *p, const struct member *m,
		       const struct json *v)
{
	p->in.has |= m->flag;
	switch (m->kind) {
	case KIND_DATA:
		take_data(p, v);
		return 0;
	case KIND_PRIORITY:
		return take_priority(p, m, v);
	case KIND_EXPIRES:
		return take_expires(p, m, v);
	default:
		return take_text(p, m, v);
	}
}

static int take_named(void *context, const char *name, const struct json *v)
{
	struct parse *p = context;
	char found[LOG_TEXT_BYTES];
	size_t i;

	for (i = 0; i < MEMBERS; i++) {
		if (strcmp(members[i].name, name) == 0)
			return take_member(p, &members[i], v);
	}
	return err_set(p->err, ERR_INVALID,
		       "unknown member %s: expected userId, type, title, "
		       "body, data, link, priority, expiresAt, or dedupeKey",
		       log_text(found, span_of(name)));
}

static int demand(const struct parse *p)
{
	const unsigned demanded =
	    NOTIFICATION_HAS_USER | NOTIFICATION_HAS_TITLE;
	size_t i;

	for (i = 0; i < MEMBERS; i++) {
		if (members[i].flag & demanded & ~p->in.has)
			return refuse(p, &members[i], "nothing");
	}
	return 0;
}

int notification_input_parse(struct notification_input *in,
			     const struct json *object, bool create,
			     struct err *err)
{
	struct parse p = {.err = err};

	p.in.priority = NOTIFICATION_PRIORITY_DEFAULT;
	if (json_type(object) != JSON_OBJECT)
		return err_set(err, ERR_INVALID,
			       "notification: expected an object, got %s",
			       json_type_name(json_type(object)));
	if (json_each(object, take_named, &p) != 0 ||
	    (create && demand(&p) < 0)) {
		notification_input_fini(&p.in);
		return -1;
	}
	*in = p.in;
	return 0;
}

void notification_input_fini(struct notification_input *in)
{
	free(in->data_text);
	*in = (struct notification_input){0};
}
