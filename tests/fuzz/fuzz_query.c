/*
 * Request lines, query strings and paths of any bytes: what is decoded is never
 * longer than what came, holds no NUL, and survives being encoded again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "inbox/notification.h"
#include "lib/err.h"

#define MAX_BYTES (1u << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct span value)
{
	struct buf encoded, decoded;

	buf_init(&encoded, value.len * 3 + 1);
	buf_init(&decoded, value.len + 1);
	api_encode(&encoded, value);
	assert(!encoded.overflow);
	assert(api_decode(buf_span(&encoded), true, &decoded) == 0);
	assert(span_equal(buf_span(&decoded), value));
	buf_fini(&encoded);
	buf_fini(&decoded);
}

static void check_query(struct span query)
{
	static const char *const names[] = {"limit", "before", "type", ""};
	struct api_call call = {.query = query};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct err err = {ERR_OK, ""};
		struct buf out;
		int found;

		buf_init(&out, query.len + 1);
		found = api_query(&call, names[i], &out, &err);
		assert((found < 0) == (err.code == ERR_INVALID));
		assert(!out.overflow && out.len <= query.len);
		if (found > 0) {
			assert(!out.len || !memchr(out.data, 0, out.len));
			check_round_trip(buf_span(&out));
		}
		buf_fini(&out);
	}
}

static void check_path(const struct api_path *path, const char *method)
{
	const char *const methods[] = {"GET", "POST", "OPTIONS", method};
	struct buf below;
	struct err err;

	buf_init(&below, MAX_BYTES);
	if (api_route_path(path, "/api/notifications", &below, &err) == 0) {
		assert(!below.len || below.data[0] == '/');
		for (size_t i = 0; i < 4; i++) {
			const struct api_route *route = NULL;
			unsigned allow = 0;
			int64_t id = 0;

			if (api_route_find(buf_span(&below),
					   span_of(methods[i]), &route, &id,
					   &allow, &err) == 0)
				assert(route && id >= 0 &&
				       id <= NOTIFICATION_ID_MAX);
			else
				assert(!route &&
				       (err.code == ERR_METHOD) == (allow > 0));
		}
	}
	buf_fini(&below);
}

/* Method, target, SCRIPT_NAME, PATH_INFO: a line each. */
static void check_request(char *text)
{
	char *parts[4] = {text, NULL, NULL, NULL};

	for (int i = 1; i < 4 && parts[i - 1]; i++) {
		parts[i] = strchr(parts[i - 1], '\n');
		if (parts[i])
			*parts[i]++ = '\0';
	}
	check_path(&(struct api_path){parts[1], parts[2], parts[3]}, text);
	check_path(&(struct api_path){NULL, parts[2], parts[3]}, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_query((struct span){text, strlen(text)});
	check_path(&(struct api_path){text, "", text}, "PATCH");
	check_request(text);
	free(text);
	return 0;
}
