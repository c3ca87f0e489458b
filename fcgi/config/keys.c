/*
 * One table; everything else walks it.
 *
 * A default is written as a person would write it, and goes through the same
 * parser.  So no default can have a form that the parser refuses.
 */
#include "config/keys.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "config/value.h"
#include "lib/buf.h"
#include "lib/mem.h"

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
#define ROWS_MAX       INT64_C(1000000000000)
/* Notifications of one kind: by default they stay for ever. */
#define KEEP(kind, field)                                                      \
	{"retention_" kind "_age",                                             \
	 "0",                                                                  \
	 KIND_DURATION,                                                        \
	 AT(field.age_ms),                                                     \
	 "0 (no limit) or a duration of at least 1s, such as 90d",             \
	 .min = 1000,                                                          \
	 .max = 100 * MS_PER_YEAR},                                            \
	{                                                                      \
		"retention_" kind "_rows", "0", KIND_COUNT, AT(field.rows),    \
		    "0 (no limit) or a number", .max = ROWS_MAX                \
	}

/* clang-format off */
const struct config_key config_keys[CONFIG_KEYS] = {
	{"database", NULL, KIND_PATH, AT(database), .expected = "a path"},
	{"base_path", "/api/notifications", KIND_TEXT, AT(base_path),
	 "a path that starts with / and does not end with one",
	 .valid = config_valid_base_path},
	{"heartbeat", "30s", KIND_DURATION, AT(heartbeat_ms), SECOND_TO_HOUR,
	 .min = 1000, .max = MS_PER_HOUR},
	{"retry", "3s", KIND_DURATION, AT(retry_ms), SECOND_TO_HOUR,
	 .min = 1000, .max = MS_PER_HOUR},
	{"stream_lifetime", "0", KIND_DURATION, AT(stream_lifetime_ms),
	 "0 (no limit) or a duration of at least 1s, such as 240s",
	 .min = 1000, .max = MS_PER_YEAR},
	{"stream_mode", "auto", KIND_WORD, AT(stream_mode),
	 "auto, stream or poll", .words = stream_modes},
	{"max_streams", "10000", KIND_UNSIGNED, AT(max_streams),
	 "a number from 1 to 32768", .min = 1, .max = CONFIG_STREAMS_MAX},
	{"max_streams_per_user", "16", KIND_UNSIGNED, AT(max_streams_per_user),
	 "a number from 1 to 1000000", .min = 1, .max = 1000000},
	{"workers", "4", KIND_UNSIGNED, AT(workers), "a number from 1 to 64",
	 .min = 1, .max = 64},
	{"synchronous", "NORMAL", KIND_SWITCH, AT(synchronous_full),
	 "NORMAL or FULL", .words = synchronous},
	{"session_cookie", NULL, KIND_TEXT, AT(session_cookie),
	 "the name of a cookie", .valid = config_valid_cookie_name},
	{"session_cookie_format", "raw", KIND_WORD, AT(session_cookie_format),
	 "raw or signed", .words = cookie_formats},
	{"session_query", NULL, KIND_TEXT, AT(session_query),
	 "a SELECT with :token in it", .valid = config_valid_session_query},
	{"session_database", NULL, KIND_PATH, AT(session_database),
	 .expected = "a path"},
	{"remote_user", "off", KIND_SWITCH, AT(remote_user), "on or off",
	 .words = off_on},
	{"cors_origins", NULL, KIND_ORIGINS, AT(cors_origins),
	 .expected = "a list of scheme://host or scheme://host:port (lower "
		     "case, no path, not the scheme's own port, never *)"},
	{"rate_limit", "on", KIND_RATES, AT(rates),
	 .expected = "on, off, or connect=N/s,read=N/s,write=N/s,publish=N/s "
		     "(with a burst: N/s:B)"},
	{"rate_limit_address", "20", KIND_UNSIGNED, AT(rate_limit_address),
	 "0 (no limit) or a number up to 100000", .max = 100000},
	{"retention_age", "30d", KIND_DURATION, AT(retain.age_ms),
	 "a duration of at least 1s, such as 30d",
	 .min = 1000, .max = 100 * MS_PER_YEAR},
	{"retention_rows", "1000000", KIND_COUNT, AT(retain.rows),
	 "a number of at least 1", .min = 1, .max = ROWS_MAX},
	KEEP("read", retain_read),
	KEEP("unread", retain_unread),
	KEEP("broadcast", retain_broadcast),
	{"log_level", "info", KIND_WORD, AT(log_level),
	 "error, warn, info or debug", .words = log_levels},
	{"log_target", "stderr", KIND_WORD, AT(log_target),
	 "stderr or syslog", .words = log_targets},
	{"sandbox", "on", KIND_SWITCH, AT(sandbox), "on or off",
	 .words = off_on},
};
/* clang-format on */

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

static int set_number(const struct config_key *key, struct config *c,
		      const char *value)
{
	int64_t n;
	int result = key->kind == KIND_DURATION
			 ? config_parse_duration(value, &n)
			 : config_parse_count(value, &n);

	if (result < 0 || n > key->max)
		return -1;
	/* 0 below the minimum only where it is the default: "no limit". */
	if (n < key->min && (n != 0 || strcmp(key->fallback, "0") != 0))
		return -1;
	if (key->kind == KIND_UNSIGNED)
		*(unsigned *)field_of(c, key) = (unsigned)n;
	else
		*(int64_t *)field_of(c, key) = n;
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

int config_key_set(const struct config_key *key, struct config *c,
		   const char *file, const char *value)
{
	switch (key->kind) {
	case KIND_TEXT:
	case KIND_PATH:
		return set_text(key, c, file, value);
	case KIND_DURATION:
	case KIND_COUNT:
	case KIND_UNSIGNED:
		return set_number(key, c, value);
	case KIND_WORD:
	case KIND_SWITCH:
		return set_word(key, c, value);
	case KIND_RATES:
		return config_parse_rates(value, c);
	case KIND_ORIGINS:
		return config_parse_origins(value, field_of(c, key));
	}
	return -1;
}

struct config *config_keys_defaults(void)
{
	struct config *c = mem_new(sizeof(*c));

	for (size_t i = 0; i < CONFIG_KEYS; i++)
		if (config_keys[i].fallback &&
		    config_key_set(&config_keys[i], c, NULL,
				   config_keys[i].fallback) < 0)
			abort(); /* the table contradicts itself */
	return c;
}

void config_keys_free(struct config *c)
{
	for (size_t i = 0; i < CONFIG_KEYS; i++)
		if (config_keys[i].kind == KIND_TEXT ||
		    config_keys[i].kind == KIND_PATH)
			free(*(char **)field_of(c, &config_keys[i]));
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
		config_key_name(&config_keys[i], variable, known);
		if (strcmp(known, name) == 0)
			return &config_keys[i];
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

		config_key_name(&config_keys[i], variable, known);
		far = distance(name, known);
		if (far < best) {
			best = far;
			nearest = &config_keys[i];
		}
	}
	return nearest;
}
