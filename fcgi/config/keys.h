/*
 * keys: the table of all keys, and how a key's value gets into a configuration
 * and out of it.  For config.c only.
 *
 * Any thread, one configuration at a time.
 */
#ifndef BELFRY_CONFIG_KEYS_H
#define BELFRY_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct config;

#define CONFIG_KEYS	      29
#define CONFIG_NAME_BYTES     40
#define CONFIG_VARIABLE_START "BELFRY_"

struct config_key {
	const char *name;
	const char *fallback; /* NULL: none, and an empty value unsets */
	enum {
		KIND_TEXT,     /* char *; NULL when empty */
		KIND_PATH,     /* the same, relative to the file that has it */
		KIND_DURATION, /* int64_t, milliseconds */
		KIND_COUNT,    /* int64_t */
		KIND_UNSIGNED, /* unsigned */
		KIND_WORD,     /* an enum: index into words */
		KIND_SWITCH,   /* bool: words[0] is false */
		KIND_RATES,    /* rate_limit and rates */
		KIND_ORIGINS   /* char **, NULL-terminated */
	} kind;
	size_t offset;	      /* of the field in struct config */
	const char *expected; /* for messages */
	int64_t min, max;
	const char *const *words;
	bool (*valid)(const char *text);
};

/* In the order of the documentation. */
extern const struct config_key config_keys[CONFIG_KEYS];

/* As the file spells it, or (variable) as the environment does. */
void config_key_name(const struct config_key *key, bool variable,
		     char out[static CONFIG_NAME_BYTES]);
/* NULL: there is none of this name. */
const struct config_key *config_key_find(const char *name, bool variable);
/* The key that was probably meant, or NULL. */
const struct config_key *config_key_nearest(const char *name, bool variable);

/* Sets a value; 0, or -1 when it is not one of this key's.  A path that is not
 * absolute is taken from the folder of `file` (NULL: left as it is). */
int config_key_set(const struct config_key *key, struct config *c,
		   const char *file, const char *value);
/* The value as the file would say it; nothing when it is not set. */
void config_key_put(const struct config_key *key, const struct config *c,
		    struct buf *out);
/* A configuration with every default, and its end. */
struct config *config_keys_defaults(void);
void config_keys_free(struct config *c);

#endif
