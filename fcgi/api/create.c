/*
 * create: one notification, or up to a thousand in one transaction.
 *
 * Everything is parsed and checked before the transaction begins: whoever else
 * writes waits for the inserts only.  A dedupe key that is taken is no error:
 * a publisher that repeats itself after a lost answer gets the same
 * notification, and 200 instead of 201 if nothing was new.
 */
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "inbox/store.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/mem.h"

#define BATCH_MAX	  1000u
#define CREATED_MAX_BYTES (48u * 1024 * 1024)

struct batch {
	struct json *body;
	bool is_array;
	struct notification_input *inputs; /* `parsed` of them */
	size_t count, parsed;
	struct buf json; /* the answer */
};

static void batch_fini(struct batch *b)
{
	for (size_t i = 0; i < b->parsed; i++)
		notification_input_fini(&b->inputs[i]);
	free(b->inputs);
	json_free(b->body);
	buf_fini(&b->json);
}

/* "title: expected …" becomes "[3].title: expected …"; what names no member
 * of the input, "[3]: …". */
static int with_index(const struct batch *b, size_t index, struct err *err)
{
	const char *end = err->message + strcspn(err->message, ":. ");

	if (!b->is_array || err->code != ERR_INVALID)
		return -1;
	return err_set(err, err->code, "[%zu]%s%s", index,
		       *end == ':' ? "." : ": ", err->message);
}

static int parse_one(struct batch *b, const struct json *v, struct err *err)
{
	if (b->is_array && json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_INVALID, "expected an object, got %s",
			       json_type_name(json_type(v)));
	return notification_input_parse(&b->inputs[b->parsed], v, true, err);
}

static int parse(const struct api_call *call, struct batch *b, struct err *err)
{
	if (api_body(call, false, &b->body, err) < 0)
		return -1;
	b->is_array = json_type(b->body) == JSON_ARRAY;
	b->count = b->is_array ? json_count(b->body) : 1;
	if (b->count < 1 || b->count > BATCH_MAX)
		return err_set(err, ERR_INVALID,
			       "the array has %zu elements, expected 1 to %u",
			       b->count, BATCH_MAX);
	b->inputs = mem_array(b->count, sizeof(b->inputs[0]));
	for (; b->parsed < b->count; b->parsed++) {
		const struct json *v =
		    b->is_array ? json_at(b->body, b->parsed) : b->body;

		if (parse_one(b, v, err) < 0)
			return with_index(b, b->parsed, err);
	}
	return 0;
}

/* *created: at least one is new. *first: the id of the first. */
static int insert_all(struct api_call *call, struct batch *b, bool *created,
		      int64_t *first, struct err *err)
{
	*created = false;
	for (size_t i = 0; i < b->count; i++) {
		int64_t id;
		bool is_new;

		if (store_create(call->db, &b->inputs[i], call->now_ms, &id,
				 &is_new, err) < 0)
			return with_index(b, i, err);
		if (i > 0)
			buf_putc(&b->json, ',');
		else
			*first = id;
		if (api_put_row(call, id, &b->json, err) < 0)
			return -1;
		*created = *created || is_new;
	}
	return 0;
}

int api_create(struct api_call *call, struct err *err)
{
	struct batch b = {.body = NULL};
	int64_t first = 0;
	bool created;
	int result = -1;

	buf_init(&b.json, CREATED_MAX_BYTES);
	if (parse(call, &b, err) < 0 || api_begin_write(call, err) < 0)
		goto out;
	api_limit_more(call, (unsigned)b.count - 1);
	if (b.is_array)
		buf_putc(&b.json, '[');
	if (insert_all(call, &b, &created, &first, err) < 0)
		goto out;
	if (b.is_array)
		buf_putc(&b.json, ']');
	if (b.json.overflow) {
		err_set(err, ERR_TOO_LARGE,
			"the answer would be larger than %u MiB: send fewer "
			"notifications at once",
			CREATED_MAX_BYTES >> 20);
		goto out;
	}
	if (api_commit(call, created, err) < 0)
		goto out;
	/* Apache takes a Location that a CGI program sends with 200 for an
	 * address to answer from instead. */
	if (created || call->config->host == CONFIG_HOST_ANY)
		api_location(call, first);
	answer_json(call->answer, created ? 201 : 200, buf_span(&b.json));
	result = 0;
out:
	batch_fini(&b);
	return result;
}
