/*
 * config: the configuration, from belfry.conf and from BELFRY_<KEY> in the
 * environment.  The environment wins.  belfry.conf.example explains every key.
 *
 * A relative path in the file starts at the file's folder; a relative path in
 * the environment starts at the working directory.
 *
 * Never changed once it is loaded: any thread may read it.
 */
#ifndef BELFRY_CONFIG_H
#define BELFRY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/log.h"

struct buf;
struct err;

#define CONFIG_STREAMS_MAX 32768 /* the highest max_streams */
#define CONFIG_RATES	   4

enum stream_mode { STREAM_MODE_AUTO, STREAM_MODE_STREAM, STREAM_MODE_POLL };
enum cookie_format { COOKIE_FORMAT_RAW, COOKIE_FORMAT_SIGNED };

/* What starts us.  Under the last two a process has one request at a time. */
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
	union {
		struct {
			struct rate rate_connect, rate_read, rate_write,
			    rate_publish;
		};
		struct rate rates[CONFIG_RATES]; /* the same ones */
	};
	struct keep retain; /* events */
	/* Notifications; of the first two, for each user. */
	struct keep retain_read, retain_unread, retain_broadcast;
	enum log_level log_level;
	enum log_target log_target;
	bool sandbox;
};

/* Reads file (NULL: $BELFRY_CONFIG; without that, only the environment).
 * ERR_CONFIG: "FILE:LINE: unknown key "x" (…)" or "… expected …".
 *
 * For CONFIG_HOST_MOD_FCGID two defaults differ, as mod_fcgid kills a process
 * that streams for longer than 300 s, and holds answers back unless it is told
 * not to: stream_lifetime is 240 s, and stream_mode is poll unless the
 * configuration says stream.  The caller frees with config_free. */
int config_load(struct config **out, const char *file, enum config_host host,
		struct err *err);
void config_free(struct config *c); /* NULL is fine */
/* One "key = value" line for every key, in the documented order. */
void config_print(const struct config *c, struct buf *out);
/* For the responder: is the database set, and outside of DOCUMENT_ROOT (may be
 * NULL)?  realpath of both is compared.  ERR_CONFIG if not. */
int config_check_database(const struct config *c, const char *document_root,
			  struct err *err);

#endif
