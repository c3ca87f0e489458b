/*
 * The body of a POST or PATCH of any bytes: refused in one line, or it has the
 * fields within their limits, and the notification made of them is written as
 * JSON that is valid, and reads as the same fields again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/notification.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/utf8.h"

#define MAX_BYTES (1u << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct err *err)
{
	const char *p = err->message;
	size_t left = strlen(p);

	assert(err->code == ERR_INVALID && left && !strpbrk(p, "\r\n"));
	while (left) {
		bool valid;
		size_t step = utf8_step(p, left, &valid);

		assert(valid);
		p += step;
		left -= step;
	}
}

static bool same_text(const struct json *object, const char *name,
		      struct span text)
{
	const struct json *v = json_get(object, name, NULL);

	if (!text.data)
		return json_type(v) == JSON_NULL;
	/* NUL comes out as U+FFFD. */
	return memchr(text.data, 0, text.len) ||
	       span_equal(json_string(v), text);
}

static void check_written(const struct notification_input *in,
			  enum notification_form form)
{
	struct notification n = {.id = 7,
				 .user_id = in->user_id,
				 .type =
				     in->type.data ? in->type : SPAN("info"),
				 .title = in->title.data ? in->title : SPAN(""),
				 .body = in->body,
				 .data = in->data,
				 .link = in->link,
				 .priority = in->priority,
				 .expires_at = in->expires_at};
	struct json *again = NULL;
	struct buf b;

	buf_init(&b, MAX_BYTES);
	notification_write_json(&b, &n, form);
	assert(!b.overflow);
	assert(json_parse(buf_span(&b), &again, NULL) == 0);
	if (!json_get(again, "truncated", NULL)) {
		assert(same_text(again, "title", n.title));
		assert(same_text(again, "body", n.body));
		assert(same_text(again, "link", n.link));
	} else {
		assert(form == NOTIFICATION_STREAM);
	}
	json_free(again);
	buf_fini(&b);
}

static void check_input(const struct json *object, bool create)
{
	struct err err = {ERR_OK, ""};
	struct notification_input in;

	if (notification_input_parse(&in, object, create, &err) < 0) {
		check_refusal(&err);
		return;
	}
	assert(in.priority >= 1 && in.priority <= 5);
	assert(in.expires_at >= 0);
	if (create)
		assert(in.has & NOTIFICATION_HAS_USER &&
		       in.has & NOTIFICATION_HAS_TITLE);
	if (in.has & NOTIFICATION_HAS_USER)
		assert(in.user_id.len &&
		       !memchr(in.user_id.data, 0, in.user_id.len));
	if (in.data.data)
		assert(json_valid(in.data));
	check_written(&in, NOTIFICATION_REST);
	check_written(&in, NOTIFICATION_STREAM);
	notification_input_fini(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	struct err err = {ERR_OK, ""};
	struct json *root = NULL;

	if (json_parse(text, &root, &err) < 0) {
		check_refusal(&err);
		return 0;
	}
	check_input(root, true);
	check_input(root, false);
	if (json_type(root) == JSON_ARRAY)
		for (size_t i = 0; i < json_count(root); i++)
			check_input(json_at(root, i), true);
	json_free(root);
	return 0;
}
