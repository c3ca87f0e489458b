/*
 * keys: which keys a configuration has, how each is spelled, and how its
 * value gets in and out.  Only config.c and its tests use this.
 */
#ifndef BELFRY_CONFIG_KEYS_H
#define BELFRY_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct config;
struct config_key;

#define CONFIG_KEYS	      29
#define CONFIG_NAME_BYTES     40
#define CONFIG_VARIABLE_START "BELFRY_"

/* In the order of the documentation. */
const struct config_key *config_key_at(size_t i);
size_t config_key_index(const struct config_key *key);
/* As the file spells it, or (variable) as the environment does. */
void config_key_name(const struct config_key *key, bool variable,
		     char out[static CONFIG_NAME_BYTES]);
const char *config_key_expected(const struct config_key *key);
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
