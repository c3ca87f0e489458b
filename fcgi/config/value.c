/*
 * Every parser takes the whole text or nothing: a text after a value is as
 * wrong as a wrong value.
 */
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "lib/buf.h"
#include "lib/mem.h"

#define DIGITS	       "0123456789"
#define LOWER	       "abcdefghijklmnopqrstuvwxyz"
#define UPPER	       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define COUNT_DIGITS   15 /* far below what an int64_t can hold */
#define RATE_MAX       1000000
#define BURST_SECONDS  4
#define LIST_SEPARATOR " \t,"

/* From the largest on. */
static const struct unit {
	const char *suffix;
	int64_t ms;
} units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define UNITS (sizeof(units) / sizeof(units[0]))

/* What "on" means, per user and per token; in the order of config.rates. */
static const struct {
	const char *name;
	unsigned per_second;
} rates[CONFIG_RATES] = {
    {"connect", 5}, {"read", 50}, {"write", 20}, {"publish", 200}};

/* A number at the start of the text; NULL or what follows it. */
static const char *take_number(const char *text, int64_t *number)
{
	size_t digits = strspn(text, DIGITS);
	int64_t value = 0;

	if (digits == 0 || digits > COUNT_DIGITS)
		return NULL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	*number = value;
	return text + digits;
}

int config_parse_count(const char *text, int64_t *count)
{
	int64_t value;
	const char *rest = take_number(text, &value);

	if (!rest || *rest)
		return -1;
	*count = value;
	return 0;
}

int config_parse_duration(const char *text, int64_t *ms)
{
	int64_t value;
	const char *rest = take_number(text, &value);

	if (!rest)
		return -1;
	if (value == 0 && !*rest) {
		*ms = 0;
		return 0;
	}
	for (size_t i = 0; i < UNITS; i++) {
		if (strcmp(rest, units[i].suffix) != 0)
			continue;
		if (value > INT64_MAX / units[i].ms)
			return -1;
		*ms = value * units[i].ms;
		return 0;
	}
	return -1;
}

void config_put_duration(struct buf *out, int64_t ms)
{
	size_t i = 0;

	if (ms == 0) {
		buf_puts(out, "0");
		return;
	}
	while (i < UNITS - 1 && ms % units[i].ms != 0)
		i++;
	buf_put_int(out, ms / units[i].ms);
	buf_puts(out, units[i].suffix);
}

/* ---- rates ---- */

/* "connect=5/s:20" at the start of the text; NULL or what follows it. */
static const char *take_rate(const char *text, struct config *c)
{
	size_t name = strspn(text, LOWER), i = 0;
	int64_t per_second, burst;
	const char *rest;

	while (i < CONFIG_RATES && (strlen(rates[i].name) != name ||
				    memcmp(rates[i].name, text, name) != 0))
		i++;
	if (i == CONFIG_RATES || text[name] != '=')
		return NULL;
	rest = take_number(text + name + 1, &per_second);
	if (!rest || strncmp(rest, "/s", 2) != 0)
		return NULL;
	rest += 2;
	burst = per_second * BURST_SECONDS;
	if (*rest == ':')
		rest = take_number(rest + 1, &burst);
	if (!rest || per_second < 1 || per_second > RATE_MAX || burst < 1 ||
	    burst > RATE_MAX * BURST_SECONDS)
		return NULL;
	c->rates[i] = (struct rate){(unsigned)per_second, (unsigned)burst};
	return rest;
}

int config_parse_rates(const char *text, struct config *c)
{
	struct config parsed = *c;
	const char *rest = text;

	for (size_t i = 0; i < CONFIG_RATES; i++)
		parsed.rates[i] = (struct rate){
		    rates[i].per_second, rates[i].per_second * BURST_SECONDS};
	parsed.rate_limit = strcmp(text, "off") != 0;
	if (parsed.rate_limit && strcmp(text, "on") != 0) {
		while ((rest = take_rate(rest, &parsed)) && *rest) {
			size_t gap = strspn(rest, LIST_SEPARATOR);

			if (gap == 0)
				return -1;
			rest += gap;
		}
		if (!rest)
			return -1;
	}
	*c = parsed;
	return 0;
}

void config_put_rates(struct buf *out, const struct config *c)
{
	if (!c->rate_limit) {
		buf_puts(out, "off");
		return;
	}
	for (size_t i = 0; i < CONFIG_RATES; i++)
		buf_printf(out, "%s%s=%u/s:%u", i ? "," : "", rates[i].name,
			   c->rates[i].per_second, c->rates[i].burst);
}

/* ---- origins ---- */

/* The port of an origin.  Browsers leave out the scheme's own port: an origin
 * with it would never match. */
static bool valid_port(const char *port, const char *origin)
{
	int64_t number;

	if (*port == '0' || config_parse_count(port, &number) < 0)
		return false;
	return number <= 65535 &&
	       (number != 80 || strncmp(origin, "http:", 5) != 0) &&
	       (number != 443 || strncmp(origin, "https:", 6) != 0);
}

static bool valid_origin(const char *origin)
{
	size_t scheme = strspn(origin, LOWER DIGITS "+.-");
	const char *host;
	size_t length;

	if (!scheme || !strchr(LOWER, origin[0]) ||
	    strncmp(origin + scheme, "://", 3) != 0)
		return false;
	host = origin + scheme + 3;
	if (*host == '[') {
		length = 1 + strspn(host + 1, DIGITS "abcdef:.");
		if (length < 3 || host[length] != ']')
			return false;
		length++;
	} else {
		length = strspn(host, LOWER DIGITS "._-");
	}
	if (length == 0)
		return false;
	return !host[length] ||
	       (host[length] == ':' && valid_port(host + length + 1, origin));
}

int config_parse_origins(const char *text, char ***list)
{
	/* Never more entries than every other byte can start. */
	char **entries = mem_array(strlen(text) / 2 + 2, sizeof(*entries));
	size_t n = 0;

	text += strspn(text, LIST_SEPARATOR);
	while (*text) {
		size_t length = strcspn(text, LIST_SEPARATOR);

		entries[n] = span_dup((struct span){text, length});
		if (!valid_origin(entries[n++])) {
			config_free_list(entries);
			return -1;
		}
		text += length;
		text += strspn(text, LIST_SEPARATOR);
	}
	if (n == 0) {
		free(entries);
		entries = NULL;
	}
	config_free_list(*list);
	*list = entries;
	return 0;
}

void config_free_list(char **list)
{
	for (char **entry = list; entry && *entry; entry++)
		free(*entry);
	free(list);
}

/* ---- text with a form ---- */

bool config_valid_base_path(const char *text)
{
	size_t length = strlen(text);

	return length > 1 && text[0] == '/' && text[length - 1] != '/' &&
	       !strstr(text, "//") &&
	       text[strspn(text, LOWER UPPER DIGITS "/._~-")] == '\0';
}

bool config_valid_cookie_name(const char *text)
{
	return *text &&
	       text[strspn(text, LOWER UPPER DIGITS "!#$%&'*+-.^_`|~")] == '\0';
}

bool config_valid_session_query(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, ":token"))) {
		at += strlen(":token");
		if (!*at || !strchr(LOWER UPPER DIGITS "_", *at))
			return true;
	}
	return false;
}
