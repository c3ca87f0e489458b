/*
 * inbox: what concerns a user's inbox as a whole and is no list: marking
 * all as read, and the ticket for a stream.
 */
#include "api/answer.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/json.h"

#define SMALL_MAX_BYTES 512

struct read_all {
	int64_t through;
	struct err *err;
};

static int take_through(void *context, const char *name, const struct json *v)
{
	struct read_all *r = context;

	if (!span_equal_text(SPAN("through"), name))
		return err_set(r->err, ERR_INVALID,
			       "unknown member \"%.64s\": expected through",
			       name);
	if (json_type(v) != JSON_INT || json_int(v) < 0)
		return err_set(r->err, ERR_INVALID,
			       "through: expected the id of a notification, "
			       "got %s",
			       json_type(v) == JSON_INT
				   ? "a number below 0"
				   : json_type_name(json_type(v)));
	r->through = json_int(v);
	return 0;
}

static int parse_read_all(const struct api_call *call, int64_t *through,
			  struct err *err)
{
	struct read_all r = {INT64_MAX, err};
	struct json *body;
	int result = 0;

	if (api_body(call, true, &body, err) < 0)
		return -1;
	if (json_type(body) != JSON_OBJECT && json_type(body) != JSON_NULL)
		result = err_set(err, ERR_INVALID,
				 "the body is %s, expected an object",
				 json_type_name(json_type(body)));
	else
		result = json_each(body, take_through, &r);
	json_free(body);
	if (result != 0)
		return -1;
	*through = r.through;
	return 0;
}

int api_read_all(struct api_call *call, struct err *err)
{
	struct store_view view;
	int64_t through, unread;
	struct buf json;
	bool changed;

	if (parse_read_all(call, &through, err) < 0 ||
	    api_begin_write(call, err) < 0)
		return -1;
	view = (struct store_view){identity_user(call->who), call->now_ms};
	if (store_read_all(call->db, &view, through, &changed, err) < 0 ||
	    store_unread_count(call->db, view.user, view.now_ms, &unread, err) <
		0 ||
	    api_commit(call, changed, err) < 0)
		return -1;
	buf_init(&json, SMALL_MAX_BYTES);
	buf_printf(&json, "{\"unreadCount\":%lld}", (long long)unread);
	answer_json(call->answer, 200, buf_span(&json));
	buf_fini(&json);
	return 0;
}

int api_ticket(struct api_call *call, struct err *err)
{
	char secret[64], expires[CLOCK_RFC3339_BYTES];
	int64_t expires_at;
	struct buf json;

	/* Else one that leaked could be prolonged for as long as the session
	 * lives. */
	if (auth_has_ticket(call->auth, call->request))
		return err_set(err, ERR_DENIED,
			       "a ticket can't issue another ticket");
	if (api_begin_write(call, err) < 0 ||
	    auth_create_ticket(call->db, call->who, secret, &expires_at, err) <
		0 ||
	    api_commit(call, false, err) < 0)
		return -1;
	buf_init(&json, SMALL_MAX_BYTES);
	buf_puts(&json, "{\"ticket\":");
	json_write_string(&json, span_of(secret));
	buf_printf(&json, ",\"expiresAt\":\"%s\"}",
		   clock_rfc3339(expires, expires_at));
	answer_json(call->answer, 201, buf_span(&json));
	buf_fini(&json);
	return 0;
}
