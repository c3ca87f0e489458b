/*
 * config: one immutable configuration, from belfry.conf and BELFRY_<KEY> in
 * the environment (which wins).  belfry.conf.example tells of every key.
 *
 * A path in the file that is not absolute is taken from the file's folder, one
 * in the environment from the working directory.
 */
#ifndef BELFRY_CONFIG_H
#define BELFRY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/log.h"

struct buf;
struct err;

#define CONFIG_STREAMS_MAX 32768 /* the highest max_streams */

enum stream_mode { STREAM_MODE_AUTO, STREAM_MODE_STREAM, STREAM_MODE_POLL };
enum cookie_format { COOKIE_FORMAT_RAW, COOKIE_FORMAT_SIGNED };

/* Where we run.  Under the last two a process has one request at a time. */
enum config_host { CONFIG_HOST_ANY, CONFIG_HOST_MOD_FCGID, CONFIG_HOST_CGI };

struct rate {
	unsigned per_second;
	unsigned burst;
};

/* What is kept; 0: no limit. */
struct keep {
	int64_t age_ms;
	int64_t rows;
};

struct config {
	enum config_host host;
	char *path;	 /* the file it was read from, or NULL */
	char *database;	 /* NULL when not set */
	char *base_path; /* "/api/notifications", no slash at the end */
	int64_t heartbeat_ms, retry_ms;
	int64_t stream_lifetime_ms; /* 0 = for ever */
	enum stream_mode stream_mode;
	unsigned max_streams, max_streams_per_user;
	unsigned workers;
	bool synchronous_full;
	char *session_cookie; /* NULL: __Host-belfry_session over https,
				 belfry_session over http */
	enum cookie_format session_cookie_format;
	char *session_query;	/* NULL: our own sessions */
	char *session_database; /* NULL: the same file */
	bool remote_user;
	char **cors_origins; /* NULL-terminated, exact */
	bool rate_limit;
	unsigned rate_limit_address; /* times those of a user; 0: none */
	struct rate rate_connect, rate_read, rate_write, rate_publish;
	struct keep retain; /* events */
	/* Notifications; of the first two, for each user. */
	struct keep retain_read, retain_unread, retain_broadcast;
	enum log_level log_level;
	enum log_target log_target;
	bool sandbox;
};

/* Reads file (may be NULL: $BELFRY_CONFIG, else only the environment).
 * ERR_CONFIG: "FILE:LINE: unknown key "x" (…)" or "… expected …". */
int config_load(struct config **out, const char *file, struct err *err);
/* The same with what is otherwise there: mod_fcgid kills who streams for longer
 * than 300 s and holds answers back, unless it is told not to, and that comes
 * with an explicit stream_mode. */
int config_load_for(struct config **out, const char *file,
		    enum config_host host, struct err *err);
void config_free(struct config *c); /* NULL is fine */
/* One "key = value" line for every key, in the documented order. */
void config_print(const struct config *c, struct buf *out);
/* For the responder: database set, and not inside DOCUMENT_ROOT (may be NULL);
 * realpath of both is compared. */
int config_check_database(const struct config *c, const char *document_root,
			  struct err *err);

#endif
