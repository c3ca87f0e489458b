/*
 * value: from a text to a value, and back to the text that gives this value.
 *
 * Any thread, one configuration at a time.
 */
#ifndef BELFRY_CONFIG_VALUE_H
#define BELFRY_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct config;

/* All of these: 0, or -1 when the text is not such a value. */

/* "500ms", "30s", "5m", "12h", "7d", or "0". */
int config_parse_duration(const char *text, int64_t *ms);
/* Digits only. */
int config_parse_count(const char *text, int64_t *count);
/* "on", "off", or "connect=5/s,read=50/s:200,…": N per second and, after the
 * colon, how many may come at once (default: 4 seconds' worth).  What is not
 * named keeps its default. */
int config_parse_rates(const char *text, struct config *c);
/* A NULL-terminated list of origins as browsers send them (scheme://host or
 * scheme://host:port, lower case, never the scheme's own port), separated by
 * blanks or commas; NULL for none.  Frees the list (or NULL) that was there.
 * The caller frees with config_free_list. */
int config_parse_origins(const char *text, char ***list);
void config_free_list(char **list); /* NULL is fine */

bool config_valid_base_path(const char *text);
bool config_valid_cookie_name(const char *text); /* a token of RFC 9110 */
bool config_valid_session_query(const char *text);

/* The largest unit that says it exactly. */
void config_put_duration(struct buf *out, int64_t ms);
void config_put_rates(struct buf *out, const struct config *c);

#endif
