/*
 * keys: one table; everything else walks it.
 *
 * A default is written as a person would write it and goes through the same
 * parser, so that none can be of a form that would be refused.
 */
#include "config/keys.h"

#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "config/value.h"
#include "lib/buf.h"
#include "lib/mem.h"

enum kind {
	KIND_TEXT,     /* char *; NULL when empty */
	KIND_PATH,     /* the same, relative to the file that says it */
	KIND_DURATION, /* int64_t, milliseconds */
	KIND_COUNT,    /* int64_t */
	KIND_UNSIGNED, /* unsigned */
	KIND_WORD,     /* an enum: index into words */
	KIND_SWITCH,   /* bool: words[0] is false */
	KIND_RATES,    /* rate_limit and rate_* */
	KIND_ORIGINS   /* char **, NULL-terminated */
};

struct config_key {
	const char *name;
	const char *fallback; /* NULL: none, and an empty value unsets */
	enum kind kind;
	size_t offset;
	const char *expected;
	int64_t min, max;
	const char *const *words;
	bool (*valid)(const char *text);
};

static const char *const off_on[] = {"off", "on", NULL};
static const char *const synchronous[] = {"NORMAL", "FULL", NULL};
static const char *const stream_modes[] = {"auto", "stream", "poll", NULL};
static const char *const cookie_formats[] = {"raw", "signed", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug",
					 NULL};
static const char *const log_targets[] = {"stderr", "syslog", NULL};

#define MS_PER_HOUR    INT64_C(3600000)
#define MS_PER_YEAR    (INT64_C(365) * 24 * MS_PER_HOUR)
#define AT(field)      offsetof(struct config, field)
#define SECOND_TO_HOUR "a duration from 1s to 1h, such as 30s"
#define ONE_TO_MILLION "a number from 1 to 1000000"
#define ON_OR_OFF      "on or off"
#define ROWS_MAX       INT64_C(1000000000000)
/* Notifications of one kind: by default they stay for ever. */
#define KEEP(kind, field)                                                      \
	{"retention_" kind "_age",                                             \
	 "0",                                                                  \
	 KIND_DURATION,                                                        \
	 AT(field.age_ms),                                                     \
	 "0 (no limit) or a duration of at least 1s, such as 90d",             \
	 1000,                                                                 \
	 100 * MS_PER_YEAR,                                                    \
	 NULL,                                                                 \
	 NULL},                                                                \
	{                                                                      \
		"retention_" kind "_rows", "0", KIND_COUNT, AT(field.rows),    \
		    "0 (no limit) or a number", 0, ROWS_MAX, NULL, NULL        \
	}

/* clang-format off */
static const struct config_key keys[] = {
	{"database", NULL, KIND_PATH, AT(database), "a path",
	 0, 0, NULL, NULL},
	{"base_path", "/api/notifications", KIND_TEXT, AT(base_path),
	 "a path that starts with / and does not end with one",
	 0, 0, NULL, config_valid_base_path},
	{"heartbeat", "30s", KIND_DURATION, AT(heartbeat_ms), SECOND_TO_HOUR,
	 1000, MS_PER_HOUR, NULL, NULL},
	{"retry", "3s", KIND_DURATION, AT(retry_ms), SECOND_TO_HOUR,
	 1000, MS_PER_HOUR, NULL, NULL},
	{"stream_lifetime", "0", KIND_DURATION, AT(stream_lifetime_ms),
	 "0 (no limit) or a duration of at least 1s, such as 240s",
	 1000, MS_PER_YEAR, NULL, NULL},
	{"stream_mode", "auto", KIND_WORD, AT(stream_mode),
	 "auto, stream or poll", 0, 0, stream_modes, NULL},
	{"max_streams", "10000", KIND_UNSIGNED, AT(max_streams),
	 "a number from 1 to 32768", 1, CONFIG_STREAMS_MAX, NULL, NULL},
	{"max_streams_per_user", "16", KIND_UNSIGNED, AT(max_streams_per_user),
	 ONE_TO_MILLION, 1, 1000000, NULL, NULL},
	{"workers", "4", KIND_UNSIGNED, AT(workers), "a number from 1 to 64",
	 1, 64, NULL, NULL},
	{"synchronous", "NORMAL", KIND_SWITCH, AT(synchronous_full),
	 "NORMAL or FULL", 0, 0, synchronous, NULL},
	{"session_cookie", NULL, KIND_TEXT, AT(session_cookie),
	 "the name of a cookie", 0, 0, NULL, config_valid_cookie_name},
	{"session_cookie_format", "raw", KIND_WORD, AT(session_cookie_format),
	 "raw or signed", 0, 0, cookie_formats, NULL},
	{"session_query", NULL, KIND_TEXT, AT(session_query),
	 "a SELECT with :token in it", 0, 0, NULL, config_valid_session_query},
	{"session_database", NULL, KIND_PATH, AT(session_database), "a path",
	 0, 0, NULL, NULL},
	{"remote_user", "off", KIND_SWITCH, AT(remote_user), ON_OR_OFF,
	 0, 0, off_on, NULL},
	{"cors_origins", NULL, KIND_ORIGINS, AT(cors_origins),
	 "a list of scheme://host or scheme://host:port (lower case, no path, "
	 "not the scheme's own port, never *)", 0, 0, NULL, NULL},
	{"rate_limit", "on", KIND_RATES, 0,
	 "on, off, or connect=N/s,read=N/s,write=N/s,publish=N/s (with a burst:"
	 " N/s:B)", 0, 0, NULL, NULL},
	{"rate_limit_address", "20", KIND_UNSIGNED, AT(rate_limit_address),
	 "0 (no limit) or a number up to 100000", 0, 100000, NULL, NULL},
	{"retention_age", "30d", KIND_DURATION, AT(retain.age_ms),
	 "a duration of at least 1s, such as 30d",
	 1000, 100 * MS_PER_YEAR, NULL, NULL},
	{"retention_rows", "1000000", KIND_COUNT, AT(retain.rows),
	 "a number of at least 1", 1, ROWS_MAX, NULL, NULL},
	KEEP("read", retain_read),
	KEEP("unread", retain_unread),
	KEEP("broadcast", retain_broadcast),
	{"log_level", "info", KIND_WORD, AT(log_level),
	 "error, warn, info or debug", 0, 0, log_levels, NULL},
	{"log_target", "stderr", KIND_WORD, AT(log_target),
	 "stderr or syslog", 0, 0, log_targets, NULL},
	{"sandbox", "on", KIND_SWITCH, AT(sandbox), ON_OR_OFF,
	 0, 0, off_on, NULL},
};
/* clang-format on */
_Static_assert(sizeof(keys) / sizeof(keys[0]) == CONFIG_KEYS,
	       "CONFIG_KEYS counts the table");

const struct config_key *config_key_at(size_t i)
{
	return &keys[i];
}

size_t config_key_index(const struct config_key *key)
{
	return (size_t)(key - keys);
}

const char *config_key_expected(const struct config_key *key)
{
	return key->expected;
}

/* ---- values in ---- */

static void *field_of(struct config *c, const struct config_key *key)
{
	return (char *)c + key->offset;
}

static char *path_beside(const char *file, const char *value)
{
	char *copy, *joined;
	const char *folder;
	size_t size;

	if (value[0] == '/' || !file || !strchr(file, '/'))
		return mem_strdup(value);
	copy = mem_strdup(file);
	folder = dirname(copy);
	if (strcmp(folder, "/") == 0)
		folder = "";
	size = strlen(folder) + strlen(value) + 2;
	joined = mem_new(size);
	snprintf(joined, size, "%s/%s", folder, value);
	free(copy);
	return joined;
}

static int set_text(const struct config_key *key, struct config *c,
		    const char *file, const char *value)
{
	char **field = field_of(c, key);
	char *text = NULL;

	if (!*value && key->fallback)
		return -1;
	if (*value && key->valid && !key->valid(value))
		return -1;
	if (*value)
		text = key->kind == KIND_PATH ? path_beside(file, value)
					      : mem_strdup(value);
	free(*field);
	*field = text;
	return 0;
}

static int set_duration(const struct config_key *key, struct config *c,
			const char *value)
{
	int64_t ms;

	if (config_parse_duration(value, &ms) < 0 || ms > key->max)
		return -1;
	/* 0 only where it is the default: "without end". */
	if (ms < key->min && (ms != 0 || strcmp(key->fallback, "0") != 0))
		return -1;
	*(int64_t *)field_of(c, key) = ms;
	return 0;
}

static int set_count(const struct config_key *key, struct config *c,
		     const char *value)
{
	int64_t count;

	if (config_parse_count(value, &count) < 0 || count < key->min ||
	    count > key->max)
		return -1;
	if (key->kind == KIND_UNSIGNED)
		*(unsigned *)field_of(c, key) = (unsigned)count;
	else
		*(int64_t *)field_of(c, key) = count;
	return 0;
}

static int set_word(const struct config_key *key, struct config *c,
		    const char *value)
{
	unsigned i = 0;

	while (key->words[i] && strcasecmp(key->words[i], value) != 0)
		i++;
	if (!key->words[i])
		return -1;
	if (key->kind == KIND_SWITCH)
		*(bool *)field_of(c, key) = i == 1;
	else
		*(unsigned *)field_of(c, key) = i;
	return 0;
}

static int set_origins(const struct config_key *key, struct config *c,
		       const char *value)
{
	char ***field = field_of(c, key), **list;

	if (config_parse_origins(value, &list) < 0)
		return -1;
	config_free_list(*field);
	*field = list;
	return 0;
}

int config_key_set(const struct config_key *key, struct config *c,
		   const char *file, const char *value)
{
	switch (key->kind) {
	case KIND_TEXT:
	case KIND_PATH:
		return set_text(key, c, file, value);
	case KIND_DURATION:
		return set_duration(key, c, value);
	case KIND_COUNT:
	case KIND_UNSIGNED:
		return set_count(key, c, value);
	case KIND_WORD:
	case KIND_SWITCH:
		return set_word(key, c, value);
	case KIND_RATES:
		return config_parse_rates(value, c);
	case KIND_ORIGINS:
		return set_origins(key, c, value);
	}
	return -1;
}

struct config *config_keys_defaults(void)
{
	struct config *c = mem_new(sizeof(*c));

	for (size_t i = 0; i < CONFIG_KEYS; i++)
		if (keys[i].fallback &&
		    config_key_set(&keys[i], c, NULL, keys[i].fallback) < 0)
			abort(); /* the table contradicts itself */
	return c;
}

void config_keys_free(struct config *c)
{
	for (size_t i = 0; i < CONFIG_KEYS; i++)
		if (keys[i].kind == KIND_TEXT || keys[i].kind == KIND_PATH)
			free(*(char **)field_of(c, &keys[i]));
	config_free_list(c->cors_origins);
	free(c);
}

/* ---- values out ---- */

void config_key_put(const struct config_key *key, const struct config *c,
		    struct buf *out)
{
	const void *field = (const char *)c + key->offset;
	char *const *list;

	switch (key->kind) {
	case KIND_TEXT:
	case KIND_PATH:
		buf_put(out, span_of(*(char *const *)field));
		break;
	case KIND_DURATION:
		config_put_duration(out, *(const int64_t *)field);
		break;
	case KIND_COUNT:
		buf_put_int(out, *(const int64_t *)field);
		break;
	case KIND_UNSIGNED:
		buf_put_int(out, *(const unsigned *)field);
		break;
	case KIND_WORD:
		buf_puts(out, key->words[*(const unsigned *)field]);
		break;
	case KIND_SWITCH:
		buf_puts(out, key->words[*(const bool *)field]);
		break;
	case KIND_RATES:
		config_put_rates(out, c);
		break;
	case KIND_ORIGINS:
		list = *(char **const *)field;
		for (size_t i = 0; list && list[i]; i++)
			buf_printf(out, "%s%s", i ? " " : "", list[i]);
		break;
	}
}

/* ---- names ---- */

void config_key_name(const struct config_key *key, bool variable,
		     char out[static CONFIG_NAME_BYTES])
{
	int n = snprintf(out, CONFIG_NAME_BYTES, "%s%s",
			 variable ? CONFIG_VARIABLE_START : "", key->name);

	for (int i = 0; variable && i < n; i++)
		if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
}

const struct config_key *config_key_find(const char *name, bool variable)
{
	char known[CONFIG_NAME_BYTES];

	for (size_t i = 0; i < CONFIG_KEYS; i++) {
		config_key_name(&keys[i], variable, known);
		if (strcmp(known, name) == 0)
			return &keys[i];
	}
	return NULL;
}

/* Levenshtein's distance, in one row; b has less than CONFIG_NAME_BYTES. */
static size_t distance(const char *a, const char *b)
{
	size_t row[CONFIG_NAME_BYTES], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[length];
}

const struct config_key *config_key_nearest(const char *name, bool variable)
{
	const struct config_key *nearest = NULL;
	char known[CONFIG_NAME_BYTES];
	size_t best = 4; /* more than three typing errors: another word */

	if (strlen(name) >= CONFIG_NAME_BYTES)
		return NULL;
	for (size_t i = 0; i < CONFIG_KEYS; i++) {
		size_t far;

		config_key_name(&keys[i], variable, known);
		far = distance(name, known);
		if (far < best) {
			best = far;
			nearest = &keys[i];
		}
	}
	return nearest;
}
