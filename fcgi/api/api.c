/*
 * api: one request from its first byte to its answer.
 *
 * Route, credential, CSRF, scope, handler, in this order; the first that
 * objects ends it.  A GET has one transaction, in which the credential is read
 * first, so that whatever is answered was true at a time when the credential
 * was good.  What writes looks at the credential twice: first in a read
 * transaction, so that a stranger makes nobody wait and his body is not even
 * parsed, then in the write transaction: that of a ticket, which is used up, or
 * that of the group (api/group.c), unless nobody has written in between.
 */
#include "api/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "stream/event.h"
#include "stream/open.h"

#define REQUEST_ID_CHARACTERS                                                  \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
/* Of a request that marks, or says what to mark. */
#define INBOX_BODY_BYTES (64u * 1024)
#define BODIES_RETRY_MS	 1000
/* When a stream that was refused is to come back. */
#define BUSY_RETRY_MS 2000
#define AWAY_RETRY_MS 5000

int api_open(struct api **out, const struct config *config,
	     struct registry *registry, int cache_kib, struct err *err)
{
	struct api *api = mem_new(sizeof(*api));

	api->config = config;
	api->registry = registry;
	api->cache_kib = cache_kib;
	if (auth_open(&api->auth, config, err) < 0) {
		free(api);
		return -1;
	}
	*out = api;
	return 0;
}

void api_share(struct api *api, struct metrics *metrics, struct limits *limits)
{
	api->metrics = metrics;
	api->limits = limits;
	auth_share(api->auth, limits);
}

void api_borrow(struct api *api, struct journal *journal)
{
	api->journal = journal;
}

void api_close(struct api *api)
{
	if (!api)
		return;
	db_close(api->db);
	auth_close(api->auth);
	free(api);
}

/* ---- running a handler ---- */

static bool is_method(const struct api_call *call, const char *name)
{
	return span_equal_text(call->method, name);
}

static bool is_safe(const struct api_call *call)
{
	return call->route->method == METHOD_GET;
}

static int run_safe(struct api_call *call, struct err *err)
{
	bool ticket = !is_method(call, "HEAD") &&
		      auth_has_ticket(call->auth, call->request);
	size_t headers = call->answer->headers.len;

	if (db_begin_read(call->db, err) < 0 ||
	    api_admit(call, false, err) < 0 ||
	    api_limit_credential(call, err) < 0)
		return -1;
	/* Only who has a good one makes others wait for the lock. */
	if (ticket && (db_commit(call->db, err) < 0 ||
		       db_begin_write(call->db, err) < 0 ||
		       api_admit(call, true, err) < 0))
		return -1;
	if (call->route->handler(call, err) < 0)
		return -1;
	if (db_commit(call->db, err) == 0)
		return 0;
	/* What the handler said of its answer is not true of a problem. */
	buf_truncate(&call->answer->headers, headers);
	return -1;
}

static int check_body(struct api_call *call, struct err *err)
{
	const char *type = request_param(call->request, "CONTENT_TYPE");
	bool publishes = api_has_scope(call, SCOPE_PUBLISH);

	if (request_body_too_large(call->request))
		return err_set(err, ERR_TOO_LARGE,
			       "the body is larger than %u MiB",
			       API_BODY_MAX_BYTES >> 20);
	if (request_body_refused(call->request)) {
		call->status = 503;
		call->retry_ms = BODIES_RETRY_MS;
		return err_set(err, ERR_LIMITED,
			       "there is no room for this body: too many large "
			       "ones at the same time");
	}
	/* Which the writer reads, for whom all wait: not from everybody. */
	if (!publishes && request_body(call->request).len > INBOX_BODY_BYTES)
		return err_set(
		    err, ERR_TOO_LARGE,
		    "the body is larger than %u KiB, which takes the "
		    "scope \"publish\"",
		    INBOX_BODY_BYTES >> 10);
	if (request_body(call->request).len && !api_is_json_type(type))
		return err_set(err, ERR_MEDIA_TYPE,
			       "Content-Type is \"%.64s\", expected "
			       "application/json",
			       type);
	return 0;
}

/* 1: may go on to write. */
static int run_unsafe(struct api_call *call, struct err *err)
{
	if (db_begin_read(call->db, err) < 0 ||
	    api_admit(call, false, err) < 0 ||
	    api_limit_credential(call, err) < 0 ||
	    db_commit(call->db, err) < 0 || check_body(call, err) < 0)
		return -1;
	return 1;
}

static void answer_options(struct api_call *call, const char *allow)
{
	const struct request *r = call->request;
	const char *origin = request_param(r, "HTTP_ORIGIN");
	struct answer *a = call->answer;

	answer_header(a, "Allow", allow);
	if (request_param(r, "HTTP_ACCESS_CONTROL_REQUEST_METHOD") &&
	    api_origin_listed(origin, call->config->cors_origins)) {
		answer_header(a, "Access-Control-Allow-Methods", allow);
		answer_header(a, "Access-Control-Allow-Headers",
			      "Authorization, Content-Type, If-None-Match, "
			      "Last-Event-ID");
		answer_header(a, "Access-Control-Max-Age", "600");
	}
	answer_empty(a, 204);
}

int api_call_route(struct api_call *call, struct err *err)
{
	const struct api_path path = {
	    request_param(call->request, "REQUEST_URI"),
	    request_param(call->request, "SCRIPT_NAME"),
	    request_param(call->request, "PATH_INFO"),
	};
	char allowed[API_ALLOW_BYTES];
	unsigned allow = 0;
	struct buf below;
	int result;

	buf_init(&below, FCGI_PARAMS_MAX_BYTES);
	result = api_route_path(&path, call->config->base_path, &below, err);
	if (result == 0)
		result = api_route_find(buf_span(&below), call->method,
					&call->route, &call->id, &allow, err);
	buf_fini(&below);
	if (result == 0 || err->code != ERR_METHOD)
		return result;
	api_route_allow(allowed, allow);
	if (is_method(call, "OPTIONS")) {
		answer_options(call, allowed);
		return 0;
	}
	answer_header(call->answer, "Allow", allowed);
	return -1;
}

static int run(struct api_call *call, struct err *err)
{
	if (call->query.len > API_QUERY_MAX_BYTES) {
		call->status = 414;
		return err_set(err, ERR_TOO_LARGE,
			       "the query string has %zu bytes, expected at "
			       "most %u",
			       call->query.len, API_QUERY_MAX_BYTES);
	}
	if (api_call_route(call, err) < 0)
		return -1;
	if (!call->route) /* OPTIONS: answered */
		return 0;
	if (!call->route->scopes)
		return call->route->handler(call, err);
	if (api_limit_address(call, err) < 0)
		return -1;
	if (api_use_database(call, err) < 0)
		return -1;
	return is_safe(call) ? run_safe(call, err) : run_unsafe(call, err);
}

/* ---- the whole ---- */

static void add_cors(const struct api_call *call)
{
	const char *origin = request_param(call->request, "HTTP_ORIGIN");
	char *const *listed = call->config->cors_origins;
	struct answer *a = call->answer;

	if (!listed || !listed[0])
		return;
	answer_header(a, "Vary", "Origin");
	if (!api_origin_listed(origin, listed))
		return;
	answer_header(a, "Access-Control-Allow-Origin", origin);
	answer_header(a, "Access-Control-Allow-Credentials", "true");
	answer_header(a, "Access-Control-Expose-Headers",
		      "ETag, Link, Location, Retry-After, X-Request-Id");
}

/* Where the database lies is for the log, not for the client. */
static void hide_folder(struct err *err, const char *database)
{
	const char *slash = database ? strrchr(database, '/') : NULL;
	size_t n = slash ? (size_t)(slash + 1 - database) : 0;
	char *at = err->message;

	if (n < 2)
		return;
	while ((at = memmem(at, strlen(at), database, n)))
		memmove(at, at + n, strlen(at + n) + 1);
}

/* No stream for now: native EventSource gives up for good at any status but
 * 200, so it is told in band. */
static bool refuse_in_band(struct api_call *call, int status,
			   const struct err *err)
{
	const char *accept = request_param(call->request, "HTTP_ACCEPT");
	int64_t retry_ms = AWAY_RETRY_MS;

	if (err->code == ERR_BUSY || err->code == ERR_LIMITED)
		retry_ms = BUSY_RETRY_MS;
	if (retry_ms < call->retry_ms)
		retry_ms = call->retry_ms;
	retry_ms = event_jitter(retry_ms);

	if ((status != 429 && status != 503) || call->answer->head_only ||
	    !call->route || call->route->handler != api_stream || !accept ||
	    !strstr(accept, "text/event-stream"))
		return false;
	if (call->answer->request_id)
		answer_header(call->answer, "X-Request-Id", call->request_id);
	answer_stream_head(call->answer);
	event_put_close(&call->answer->bytes, EVENT_CLOSE_REFUSED, retry_ms);
	return true;
}

void api_call_fail(struct api_call *call, struct err *err)
{
	int status =
	    call->status ? call->status : answer_status_of((int)err->code);
	char text[LOG_TEXT_BYTES];
	void (*log)(const char *event, const char *format, ...)
	    __attribute__((format(printf, 2, 3))) = log_debug;

	if (status == 503) /* may pass by itself */
		log = log_warn;
	else if (status >= 500)
		log = log_error;
	log("request", "id=%s status=%d error=%s message=%s", call->request_id,
	    status, err_name(err->code), log_text(text, span_of(err->message)));
	api_count_connect(call, status);
	api_count_error(call, err);
	/* Answered as a stream, and then its transaction failed. */
	stream_open_free(call->answer->open);
	call->answer->open = NULL;
	if (refuse_in_band(call, status, err))
		return;
	if (call->retry_ms) {
		snprintf(text, sizeof(text), "%lld",
			 (long long)(call->retry_ms + 999) / 1000);
		answer_header(call->answer, "Retry-After", text);
	}
	hide_folder(err, call->config->database);
	answer_problem_status(call->answer, status, err);
}

void api_make_id(char id[static API_REQUEST_ID_BYTES])
{
	uint64_t random;

	crypto_random(&random, sizeof(random));
	snprintf(id, API_REQUEST_ID_BYTES, "%016" PRIx64, random);
}

/* By which the log lines of this request are found: the one that the web server
 * or the client gave, if it is of a form that can stand in a log. */
static void set_request_id(struct api_exchange *exchange)
{
	struct answer *answer = exchange->answer;
	const char *given =
	    request_param(exchange->request, "HTTP_X_REQUEST_ID");

	answer->request_id = exchange->id;
	if (exchange->id[0])
		return; /* its second half */
	if (given && *given && strlen(given) < sizeof(exchange->id) &&
	    !given[strspn(given, REQUEST_ID_CHARACTERS)]) {
		strcpy(exchange->id, given);
		/* Whoever gave one gets it back with a stream, too. */
		answer->request_id = NULL;
		answer_header(answer, "X-Request-Id", exchange->id);
		return;
	}
	api_make_id(exchange->id);
}

static void log_answered(const struct api_call *call)
{
	char method[LOG_TEXT_BYTES], user[LOG_TEXT_BYTES];

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	log_debug(
	    "request", "id=%s status=%d method=%s route=\"%s\" user=%s",
	    call->request_id, call->answer->status,
	    log_text(method, call->method),
	    call->route ? call->route->pattern : "",
	    log_text(user, call->who ? identity_user(call->who) : SPAN_NONE));
}

void api_call_init(struct api_call *call, struct api *api,
		   struct api_exchange *exchange)
{
	const struct request *request = exchange->request;
	const char *method = request_param(request, "REQUEST_METHOD");
	const char *query = request_param(request, "QUERY_STRING");

	set_request_id(exchange);
	*call = (struct api_call){
	    .api = api,
	    .config = api->config,
	    .registry = api->registry,
	    .auth = api->auth,
	    .request = request,
	    .who_owned = &exchange->who,
	    .method = span_of(method ? method : ""),
	    .query = span_of(query ? query : ""),
	    .now_ms = clock_wall_ms(),
	    .request_id = exchange->id,
	    .answer = exchange->answer,
	};
	call->answer->head_only = is_method(call, "HEAD");
	add_cors(call);
}

enum api_next api_handle(struct api *api, struct api_exchange *exchange)
{
	struct err err = {ERR_OK, ""};
	struct api_call call;
	int result;

	api_call_init(&call, api, exchange);
	result = run(&call, &err);
	if (result < 0)
		api_call_fail(&call, &err);
	else if (result == 0)
		log_answered(&call);
	if (result == 0 && call.answer->open)
		api_count_connect(&call, 200);
	if (api->db)
		db_rollback(api->db);
	api_check_database(api, &err);
	if (result > 0)
		return API_WRITE;
	identity_fini(&exchange->who);
	return API_ANSWERED;
}
