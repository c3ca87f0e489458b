/*
 * Files of any bytes: each is refused with one line that names the place, or
 * read; and what was read is printed in a form that reads as the same.
 */
#include "config/config.c"

#include <assert.h>

#define PRINT_MAX (16u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(struct config *c, const void *data, size_t size,
		 struct err *err)
{
	char *text = mem_new(size + 1);
	int result;

	if (size)
		memcpy(text, data, size);
	result = parse_text(c, "belfry.conf", text, size, err);
	free(text);
	return result;
}

static void check_same(const struct config *a, const struct config *b)
{
	assert(a->heartbeat_ms == b->heartbeat_ms);
	assert(a->retry_ms == b->retry_ms);
	assert(a->stream_lifetime_ms == b->stream_lifetime_ms);
	assert(a->retain.age_ms == b->retain.age_ms);
	assert(a->retain.rows == b->retain.rows);
	assert(a->retain_unread.age_ms == b->retain_unread.age_ms);
	assert(a->max_streams == b->max_streams);
	assert(a->rate_connect.burst == b->rate_connect.burst);
	assert(a->rate_publish.per_second == b->rate_publish.per_second);
	assert(!a->cors_origins == !b->cors_origins);
	assert(!a->session_query == !b->session_query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = config_keys_defaults();
	struct config *again = config_keys_defaults();
	struct err err = {ERR_OK, ""};
	struct buf first, second;

	buf_init(&first, PRINT_MAX);
	buf_init(&second, PRINT_MAX);
	if (parse(c, data, size, &err) < 0) {
		assert(err.code == ERR_CONFIG);
		assert(strncmp(err.message, "belfry.conf:", 12) == 0);
		assert(!strpbrk(err.message, "\r\n"));
	} else {
		config_print(c, &first);
		assert(!first.overflow);
		assert(parse(again, first.data, first.len, &err) == 0);
		config_print(again, &second);
		assert(span_equal(buf_span(&first), buf_span(&second)));
		check_same(c, again);
		assert(c->heartbeat_ms >= 1000 && c->retry_ms >= 1000);
		assert(c->workers >= 1 && c->max_streams >= 1);
		assert(c->base_path[0] == '/');
	}
	buf_fini(&first);
	buf_fini(&second);
	config_free(c);
	config_free(again);
	return 0;
}
