/*
 * item: one notification.
 *
 * Whose it is decides first: what the caller may not see is not there (404),
 * before anything else about the request is judged, so that no answer tells
 * whether an id exists.  A publisher sees all.
 */
#include <string.h>

#include "api/answer.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "inbox/store.h"
#include "lib/err.h"
#include "lib/json.h"

#define ONE_MAX_BYTES (60u * 1024 * 1024)

/* What a handler needs to know of the row after its texts are gone. */
struct item {
	bool mine, broadcast, read;
};

static struct store_view view_of(const struct api_call *call)
{
	return (struct store_view){identity_user(call->who), call->now_ms};
}

/* The notification of the route, if the caller may deal with it: its own, or
 * anybody's for a publisher. */
static int find(const struct api_call *call, bool publisher, struct item *out,
		struct err *err)
{
	struct store_view view = view_of(call);
	struct store_row row;
	int found;

	found = store_get(call->db, &view, call->id, &row, err);
	if (found < 0)
		return -1;
	if (found > 0)
		store_row_done(&row);
	if (found == 0 || row.expired || !(row.mine || publisher))
		return api_no_such_notification(call, err);
	*out = (struct item){
	    .mine = row.mine,
	    .broadcast = row.broadcast,
	    .read = row.n.read_at > 0,
	};
	return 0;
}

static int answer_row(struct api_call *call, struct err *err)
{
	struct buf json;
	int result;

	buf_init(&json, ONE_MAX_BYTES);
	result = api_put_row(call, call->id, &json, err);
	if (result == 0)
		answer_json(call->answer, 200, buf_span(&json));
	buf_fini(&json);
	return result;
}

int api_get(struct api_call *call, struct err *err)
{
	struct item item = {0};

	if (find(call, false, &item, err) < 0)
		return -1;
	return answer_row(call, err);
}

int api_delete(struct api_call *call, struct err *err)
{
	bool publisher = api_has_scope(call, SCOPE_PUBLISH);
	struct store_view view;
	int everyone = api_query_switch(call, "everyone", err);
	struct item item = {0};
	int result;

	if (everyone < 0 || api_begin_write(call, err) < 0 ||
	    find(call, publisher, &item, err) < 0)
		return -1;
	if (item.broadcast && everyone && !publisher)
		return err_set(err, ERR_DENIED,
			       "everyone=1 needs the scope publish");
	view = view_of(call);
	if (!item.broadcast || everyone)
		result = store_delete(call->db, call->id, err);
	else if (item.mine)
		result = store_hide(call->db, &view, call->id, err);
	else /* hidden already */
		result = api_no_such_notification(call, err);
	if (result < 0 || api_commit(call, true, err) < 0)
		return -1;
	answer_empty(call->answer, 204);
	return 0;
}

/* ---- patch ---- */

struct patch {
	struct json *body, *rest;
	struct notification_input in;
	bool has_read, read;
};

static void patch_fini(struct patch *p)
{
	notification_input_fini(&p->in);
	json_free(p->rest);
	json_free(p->body);
}

/* Everything but "read", as an object of its own: the rest is a publisher's
 * language, which has no such member. */
static int put_member(void *context, const char *name, const struct json *v)
{
	struct buf *b = context;

	if (strcmp(name, "read") == 0)
		return 0;
	if (b->len > 1)
		buf_putc(b, ',');
	json_write_string(b, span_of(name));
	buf_putc(b, ':');
	json_write_value(b, v);
	return 0;
}

static int parse_patch(const struct api_call *call, struct patch *p,
		       struct err *err)
{
	const struct json *read;
	struct buf rest;
	int result;

	if (api_body(call, false, &p->body, err) < 0)
		return -1;
	if (json_type(p->body) != JSON_OBJECT)
		return err_set(err, ERR_INVALID,
			       "the body is %s, expected an object",
			       json_type_name(json_type(p->body)));
	read = json_get(p->body, "read", &p->has_read);
	if (p->has_read && json_type(read) != JSON_BOOL)
		return err_set(err, ERR_INVALID,
			       "read: expected true or false, got %s",
			       json_type_name(json_type(read)));
	p->read = p->has_read && json_bool(read);

	buf_init(&rest, ONE_MAX_BYTES);
	buf_putc(&rest, '{');
	json_each(p->body, put_member, &rest);
	buf_putc(&rest, '}');
	result = json_parse(buf_span(&rest), &p->rest, err);
	buf_fini(&rest);
	if (result < 0)
		return -1;
	return notification_input_parse(&p->in, p->rest, false, err);
}

static int may_patch(const struct api_call *call, const struct patch *p,
		     const struct item *item, struct err *err)
{
	if (p->in.has && !api_has_scope(call, SCOPE_PUBLISH))
		return err_set(err, ERR_DENIED,
			       "changing more than read needs the scope "
			       "publish");
	if (p->has_read && !item->mine)
		return err_set(err, ERR_DENIED,
			       "read can be changed by the notification's "
			       "own user only");
	if (p->has_read && !api_has_scope(call, SCOPE_READ))
		return err_set(err, ERR_DENIED,
			       "changing read needs the scope read");
	return 0;
}

/* A trigger refuses it too, but cannot say that it is a conflict. */
static int check_dedupe(const struct api_call *call, const struct patch *p,
			struct err *err)
{
	struct store_view view = view_of(call);
	struct span user = p->in.user_id;
	struct store_row row = {.stmt = NULL};
	int64_t holder;
	int found;

	if (!p->in.dedupe_key.data)
		return 0;
	if (!user.data) {
		found = store_get(call->db, &view, call->id, &row, err);
		if (found <= 0)
			return found;
		user = row.n.user_id;
	}
	found =
	    store_find_dedupe(call->db, user, p->in.dedupe_key, &holder, err);
	if (row.stmt)
		store_row_done(&row);
	if (found > 0 && holder != call->id)
		return err_set(err, ERR_CONFLICT,
			       "dedupeKey: another notification of this user "
			       "has it");
	return found < 0 ? -1 : 0;
}

static int apply_patch(struct api_call *call, const struct patch *p,
		       bool *changed, struct err *err)
{
	bool publisher = api_has_scope(call, SCOPE_PUBLISH);
	struct store_view view = view_of(call);
	struct store_target target = {.id = call->id};
	struct item item = {0};

	if (find(call, publisher, &item, err) < 0 ||
	    may_patch(call, p, &item, err) < 0)
		return -1;
	target.broadcast = item.broadcast;
	/* Before the rest, which may give it to somebody else. */
	if (p->has_read && item.read != p->read) {
		*changed = true;
		if (store_set_read(call->db, &view, &target, p->read, err) < 0)
			return -1;
	}
	if (!p->in.has)
		return 0;
	*changed = true;
	if (check_dedupe(call, p, err) < 0)
		return -1;
	return store_update(call->db, call->id, &p->in, err);
}

int api_patch(struct api_call *call, struct err *err)
{
	struct patch p = {.body = NULL};
	bool changed = false;
	int result = -1;

	if (parse_patch(call, &p, err) < 0 || api_begin_write(call, err) < 0 ||
	    apply_patch(call, &p, &changed, err) < 0 ||
	    answer_row(call, err) < 0 || api_commit(call, changed, err) < 0)
		goto out;
	result = 0;
out:
	patch_fini(&p);
	return result;
}

int api_read(struct api_call *call, struct err *err)
{
	struct store_target target = {.id = call->id};
	struct store_view view;
	struct item item = {0};

	if (api_begin_write(call, err) < 0 || find(call, false, &item, err) < 0)
		return -1;
	view = view_of(call);
	target.broadcast = item.broadcast;
	if (!item.read &&
	    store_set_read(call->db, &view, &target, true, err) < 0)
		return -1;
	if (api_commit(call, !item.read, err) < 0)
		return -1;
	answer_empty(call->answer, 204);
	return 0;
}
