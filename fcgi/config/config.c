/*
 * config: the file, then the environment, over the defaults; the last one wins.
 *
 * The file is read by ourselves.  libinih was tried: as Debian builds it, a
 * line ends after 200 bytes and a value at the first " ;", neither of which can
 * be told otherwise at run time, and a session_query has every right to both.
 */
#include "config/config.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/mem.h"

#define FILE_MAX_BYTES	      (1024u * 1024)
#define MOD_FCGID_LIFETIME_MS 240000

/* In the environment, but no keys: the file's name, the binary that the
 * project's scripts and tests start, and what its tests are told. */
static const char *const not_keys[] = {
    CONFIG_VARIABLE_START "CONFIG",
    CONFIG_VARIABLE_START "BIN",
};
static const char tests_start[] = CONFIG_VARIABLE_START "TEST_";

/* The file while it is read. */
struct source {
	const char *file;
	int line;
	int given[CONFIG_KEYS]; /* the line that gave this key, or 0 */
};

/* ---- what is wrong ---- */

/* "FILE:LINE: " for a file, nothing for the environment (NULL). */
static void put_place(struct buf *b, const struct source *source)
{
	if (source)
		buf_printf(b, "%s:%d: ", source->file, source->line);
}

static int refuse(struct buf *message, struct err *err)
{
	struct span s = buf_span(message);

	err_set(err, ERR_CONFIG, "%.*s", (int)s.len, s.data);
	buf_fini(message);
	return -1;
}

static int unknown_key(const struct source *source, const char *name,
		       struct err *err)
{
	const struct config_key *nearest;
	char meant[CONFIG_NAME_BYTES], found[LOG_TEXT_BYTES];
	struct buf message;

	buf_init(&message, ERR_MESSAGE_BYTES);
	put_place(&message, source);
	buf_printf(&message, "unknown key %s%s", log_text(found, span_of(name)),
		   source ? "" : " in the environment");
	nearest = config_key_nearest(name, !source);
	if (nearest) {
		config_key_name(nearest, !source, meant);
		buf_printf(&message, " (did you mean %s?)", meant);
	}
	return refuse(&message, err);
}

static int bad_value(const struct source *source, const struct config_key *key,
		     const char *value, struct err *err)
{
	char name[CONFIG_NAME_BYTES], found[LOG_TEXT_BYTES];
	struct buf message;

	buf_init(&message, ERR_MESSAGE_BYTES);
	put_place(&message, source);
	config_key_name(key, !source, name);
	buf_printf(&message, "%s: expected %s, found %s", name,
		   config_key_expected(key), log_text(found, span_of(value)));
	return refuse(&message, err);
}

/* ---- the file ---- */

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length && strchr(" \t\r", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* Only a line that starts with # is a comment: a value may hold any character.
 */
static int parse_line(struct config *c, struct source *source, char *line,
		      struct err *err)
{
	char *name = trim(line), *value = strchr(name, '=');
	char found[LOG_TEXT_BYTES];
	const struct config_key *key;
	int *given;

	if (!*name || *name == '#')
		return 0;
	if (!value)
		return err_set(
		    err, ERR_CONFIG, "%s:%d: expected key = value, found %s",
		    source->file, source->line, log_text(found, span_of(name)));
	*value = '\0';
	value = trim(value + 1);
	name = trim(name);
	key = config_key_find(name, false);
	if (!key)
		return unknown_key(source, name, err);
	given = &source->given[config_key_index(key)];
	if (*given)
		return err_set(err, ERR_CONFIG,
			       "%s:%d: %s: expected once, found in line %d "
			       "already",
			       source->file, source->line, name, *given);
	*given = source->line;
	if (config_key_set(key, c, source->file, value) < 0)
		return bad_value(source, key, value, err);
	return 0;
}

/* The text is NUL-terminated, and is written to. */
static int parse_text(struct config *c, const char *file, char *text,
		      size_t length, struct err *err)
{
	struct source source = {.file = file};
	char *end = text + length, *stop;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (; text < end; text = stop + 1) {
		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		*stop = '\0';
		source.line++;
		if (strlen(text) != (size_t)(stop - text))
			return err_set(err, ERR_CONFIG,
				       "%s:%d: expected text, found a NUL byte",
				       file, source.line);
		if (parse_line(c, &source, text, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_file(struct config *c, const char *file, struct err *err)
{
	FILE *stream = fopen(file, "re");
	char *text = NULL;
	size_t length;
	int result = -1;

	if (!stream) {
		err_set(err, ERR_CONFIG, "%s: %s", file, strerror(errno));
		goto out;
	}
	text = mem_new(FILE_MAX_BYTES + 1);
	length = fread(text, 1, FILE_MAX_BYTES, stream);
	if (ferror(stream))
		err_set(err, ERR_CONFIG, "%s: %s", file, strerror(errno));
	else if (length == FILE_MAX_BYTES)
		err_set(err, ERR_CONFIG,
			"%s: expected a configuration, found %u bytes or more",
			file, FILE_MAX_BYTES);
	else
		result = parse_text(c, file, text, length, err);
out:
	free(text);
	if (stream)
		fclose(stream);
	return result;
}

/* ---- the environment ---- */

static bool is_key_variable(const char *name)
{
	if (strncmp(name, CONFIG_VARIABLE_START,
		    strlen(CONFIG_VARIABLE_START)) != 0 ||
	    strncmp(name, tests_start, strlen(tests_start)) == 0)
		return false;
	for (size_t i = 0; i < sizeof(not_keys) / sizeof(not_keys[0]); i++)
		if (strcmp(name, not_keys[i]) == 0)
			return false;
	return true;
}

static int parse_variable(struct config *c, const char *variable,
			  struct err *err)
{
	const char *value = strchr(variable, '=');
	const struct config_key *key;
	char *name;
	int result = 0;

	if (!value)
		return 0;
	name = span_dup((struct span){variable, (size_t)(value - variable)});
	value++;
	if (!is_key_variable(name))
		goto out;
	key = config_key_find(name, true);
	if (!key)
		result = unknown_key(NULL, name, err);
	else if (config_key_set(key, c, NULL, value) < 0)
		result = bad_value(NULL, key, value, err);
out:
	free(name);
	return result;
}

/* ---- the whole ---- */

static bool is_same_file(const char *a, const char *b)
{
	struct stat one, other;

	return strcmp(a, b) == 0 ||
	       (stat(a, &one) == 0 && stat(b, &other) == 0 &&
		one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}

static int check_sessions(const struct config *c, struct err *err)
{
	if (!c->session_database)
		return 0;
	if (!c->session_query)
		return err_set(err, ERR_CONFIG,
			       "session_database: expected with a "
			       "session_query, which is not set");
	/* Open twice, one of the two would keep a -shm that was removed. */
	if (c->database && is_same_file(c->session_database, c->database))
		return err_set(err, ERR_CONFIG,
			       "session_database: expected another file than "
			       "the database; without it session_query is "
			       "asked there");
	return 0;
}

int config_load(struct config **out, const char *file, struct err *err)
{
	return config_load_for(out, file, CONFIG_HOST_ANY, err);
}

int config_load_for(struct config **out, const char *file,
		    enum config_host host, struct err *err)
{
	struct config *c = config_keys_defaults();

	c->host = host;
	if (host == CONFIG_HOST_MOD_FCGID)
		c->stream_lifetime_ms = MOD_FCGID_LIFETIME_MS;

	if (!file)
		file = getenv(CONFIG_VARIABLE_START "CONFIG");
	if (file && *file) {
		c->path = mem_strdup(file);
		if (parse_file(c, file, err) < 0)
			goto fail;
	}
	for (char **variable = environ; variable && *variable; variable++)
		if (parse_variable(c, *variable, err) < 0)
			goto fail;
	if (check_sessions(c, err) < 0)
		goto fail;
	if (host == CONFIG_HOST_MOD_FCGID && c->stream_mode == STREAM_MODE_AUTO)
		c->stream_mode = STREAM_MODE_POLL;
	*out = c;
	return 0;
fail:
	config_free(c);
	return -1;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free(c->path);
	config_keys_free(c);
}

void config_print(const struct config *c, struct buf *out)
{
	char name[CONFIG_NAME_BYTES];
	size_t start;

	for (size_t i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *key = config_key_at(i);

		config_key_name(key, false, name);
		buf_printf(out, "%s = ", name);
		start = out->len;
		config_key_put(key, c, out);
		if (out->len == start && start)
			buf_truncate(out, start - 1); /* "key =": not set */
		buf_putc(out, '\n');
	}
}

/* realpath of a file that may not be there yet: that of its folder then. */
static bool real_place(const char *path, char out[static PATH_MAX])
{
	char *copy;
	bool found;

	if (realpath(path, out))
		return true;
	copy = mem_strdup(path);
	found = realpath(dirname(copy), out) != NULL;
	free(copy);
	return found;
}

int config_check_database(const struct config *c, const char *document_root,
			  struct err *err)
{
	char root[PATH_MAX], place[PATH_MAX];
	size_t length;

	if (!c->database)
		return err_set(err, ERR_CONFIG,
			       "database is not set: name a path outside the "
			       "document root, as database in belfry.conf "
			       "(which BELFRY_CONFIG names) or as "
			       "BELFRY_DATABASE");
	if (!document_root || !*document_root ||
	    !realpath(document_root, root) || !real_place(c->database, place))
		return 0; /* what is not there is not handed out */
	length = strlen(root);
	if (root[length - 1] == '/')
		length--;
	if (strncmp(place, root, length) == 0 &&
	    (place[length] == '/' || place[length] == '\0'))
		return err_set(err, ERR_CONFIG,
			       "database: expected a path outside the document "
			       "root %s, found %s",
			       root, c->database);
	return 0;
}
