/*
 * The defaults first, then the file, then the environment; the last one wins.
 *
 * The file is read by ourselves.  libinih was tried.  As Debian builds it, a
 * line ends after 200 bytes, and a value ends at the first " ;".  Neither can
 * be changed at run time, and a session_query may need both.
 */
#include "config/config.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
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

/* The file or (file NULL, line 0) the environment while it is read. */
struct source {
	const char *file;
	int line;
	int given[CONFIG_KEYS]; /* the line that gave this key, or 0 */
};

static int refuse(const struct source *source, struct err *err,
		  const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(const struct source *source, struct err *err,
		  const char *format, ...)
{
	char text[ERR_MESSAGE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!source->file)
		return err_set(err, ERR_CONFIG, "%s", text);
	return err_set(err, ERR_CONFIG, "%s:%d: %s", source->file, source->line,
		       text);
}

static int unknown_key(const struct source *source, const char *name,
		       struct err *err)
{
	const char *where = source->file ? "" : " in the environment";
	char meant[CONFIG_NAME_BYTES], found[LOG_TEXT_BYTES];
	const struct config_key *nearest =
	    config_key_nearest(name, !source->file);

	log_text(found, span_of(name));
	if (!nearest)
		return refuse(source, err, "unknown key %s%s", found, where);
	config_key_name(nearest, !source->file, meant);
	return refuse(source, err, "unknown key %s%s (did you mean %s?)", found,
		      where, meant);
}

static int set(struct config *c, struct source *source, const char *name,
	       const char *value, struct err *err)
{
	const struct config_key *key = config_key_find(name, !source->file);
	char found[LOG_TEXT_BYTES];
	int *given;

	if (!key)
		return unknown_key(source, name, err);
	given = &source->given[key - config_keys];
	if (*given)
		return refuse(source, err,
			      "%s: expected once, found in line %d already",
			      name, *given);
	*given = source->line;
	if (config_key_set(key, c, source->file, value) < 0)
		return refuse(source, err, "%s: expected %s, found %s", name,
			      key->expected, log_text(found, span_of(value)));
	return 0;
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

	if (!*name || *name == '#')
		return 0;
	if (!value)
		return refuse(source, err, "expected key = value, found %s",
			      log_text(found, span_of(name)));
	*value = '\0';
	return set(c, source, trim(name), trim(value + 1), err);
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
			return refuse(&source, err,
				      "expected text, found a NUL byte");
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

static int parse_environment(struct config *c, struct err *err)
{
	struct source source = {.file = NULL};
	int result = 0;

	for (char **v = environ; v && *v && result == 0; v++) {
		size_t length = strcspn(*v, "=");
		char *name = span_dup((struct span){*v, length});

		if ((*v)[length] && is_key_variable(name))
			result = set(c, &source, name, *v + length + 1, err);
		free(name);
	}
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

int config_load(struct config **out, const char *file, enum config_host host,
		struct err *err)
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
	if (parse_environment(c, err) < 0 || check_sessions(c, err) < 0)
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
	for (size_t i = 0; i < CONFIG_KEYS; i++) {
		size_t start;

		buf_printf(out, "%s = ", config_keys[i].name);
		start = out->len;
		config_key_put(&config_keys[i], c, out);
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
