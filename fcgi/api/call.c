/*
 * call: what several handlers need.
 */
#include <stdio.h>

#include "api/answer.h"
#include "api/api.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "inbox/store.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/json.h"

bool api_has_scope(const struct api_call *call, unsigned scope)
{
	return (call->who->scopes & scope) != 0;
}

int api_body(const struct api_call *call, bool optional, struct json **out,
	     struct err *err)
{
	struct span body = request_body(call->request);

	if (!body.len && optional) {
		*out = NULL;
		return 0;
	}
	if (!body.len)
		return err_set(err, ERR_INVALID,
			       "the body is empty, expected JSON");
	return json_parse(body, out, err);
}

int api_no_such_notification(const struct api_call *call, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND,
		       "there is no notification %lld for this user",
		       (long long)call->id);
}

void api_put_notification(struct buf *json, const struct notification *n)
{
	size_t before = json->len;

	notification_write_json(json, n, NOTIFICATION_REST);
	if (!json->overflow)
		return;
	/* Any SQL program can write a row of a gigabyte: the inbox that it
	 * lies in must still open. */
	buf_truncate(json, before);
	json->overflow = false;
	notification_write_json(json, n, NOTIFICATION_STREAM);
}

int api_put_row(const struct api_call *call, int64_t id, struct buf *json,
		struct err *err)
{
	struct store_view view = {identity_user(call->who), call->now_ms};
	struct store_row row;
	int found;

	found = store_get(call->db, &view, id, &row, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_INTERNAL,
			       "notification %lld is gone within its own "
			       "transaction",
			       (long long)id);
	api_put_notification(json, &row.n);
	store_row_done(&row);
	return 0;
}

void api_location(const struct api_call *call, int64_t id)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%lld", call->config->base_path,
		 (long long)id);
	answer_header(call->answer, "Location", path);
}
