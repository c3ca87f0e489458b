/*
 * notification: the domain type, its limits, and its JSON forms.  Pure.
 */
#ifndef BELFRY_NOTIFICATION_H
#define BELFRY_NOTIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct db_stmt;
struct err;
struct json;

#define NOTIFICATION_EVERYONE	      "*" /* user_id of a broadcast */
#define NOTIFICATION_TYPE_DEFAULT     "info"
#define NOTIFICATION_PRIORITY_DEFAULT 3
#define NOTIFICATION_ID_MAX	      INT64_C(9007199254740991) /* 2^53 - 1 */
/* The stream's JSON of one notification is never longer than this. */
#define NOTIFICATION_STREAM_MAX_BYTES (256u * 1024)

/* As one user sees it.  Spans belong to the row or request it was read from. */
struct notification {
	int64_t id;
	struct span user_id;
	struct span type, title;
	struct span body, data, link; /* SPAN_NONE: null */
	int64_t priority;
	int64_t created_at, updated_at; /* Unix ms */
	int64_t read_at;		/* effective; 0 = unread */
	int64_t expires_at;		/* 0 = never */
};

/* Columns as every query that returns notifications has them, in this order:
 * id, user_id, type, title, body, data, link, priority, created_at,
 * updated_at, effective read_at (NULL or 0: unread), expires_at. */
#define NOTIFICATION_COLUMNS 12
void notification_from_row(struct notification *n, struct db_stmt *row,
			   int first_column);

enum notification_form {
	NOTIFICATION_REST,  /* everything */
	NOTIFICATION_STREAM /* at most NOTIFICATION_STREAM_MAX_BYTES, with
			       "truncated":true where cut; a broadcast has
			       no readAt */
};
void notification_write_json(struct buf *b, const struct notification *n,
			     enum notification_form form);

/* What a publisher may say; `has` tells what was said (present null counts). */
struct notification_input {
	unsigned has; /* NOTIFICATION_HAS_* */
	struct span user_id, type, title, body, data, link, dedupe_key;
	int64_t priority;
	int64_t expires_at; /* 0 = never */
	char *data_text;    /* what `data` points to; freed by _fini */
};
enum {
	NOTIFICATION_HAS_USER = 1 << 0,
	NOTIFICATION_HAS_TYPE = 1 << 1,
	NOTIFICATION_HAS_TITLE = 1 << 2,
	NOTIFICATION_HAS_BODY = 1 << 3,
	NOTIFICATION_HAS_DATA = 1 << 4,
	NOTIFICATION_HAS_LINK = 1 << 5,
	NOTIFICATION_HAS_PRIORITY = 1 << 6,
	NOTIFICATION_HAS_EXPIRES = 1 << 7,
	NOTIFICATION_HAS_DEDUPE = 1 << 8
};
/* Reads one JSON object (docs/protocol.md: userId, type, title, body, data,
 * link, priority, expiresAt as RFC 3339, dedupeKey).  ERR_INVALID names the
 * member, what was found and what was expected; unknown members are refused.
 * Spans belong to the JSON.  `create` demands userId and title.  null for type
 * and priority is their default. */
int notification_input_parse(struct notification_input *in,
			     const struct json *object, bool create,
			     struct err *err);
void notification_input_fini(struct notification_input *in);

#endif
