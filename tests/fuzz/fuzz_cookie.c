/*
 * Headers and query strings of any bytes: a secret that is taken from one is
 * never empty, has no NUL, is no longer than where it came from, and the first
 * cookie of a name is found whatever stands around it.
 */
#include "auth/request.c"

#include <assert.h>

#define NAME "belfry_session"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_secret(char *secret, size_t max)
{
	if (secret) {
		assert(strlen(secret) > 0 && strlen(secret) <= max);
		assert(strlen(secret) <= SECRET_MAX_BYTES);
	}
	free(secret);
}

static void check_value(struct span value)
{
	struct config raw = {.session_cookie_format = COOKIE_FORMAT_RAW};
	struct config is_signed = {.session_cookie_format =
				       COOKIE_FORMAT_SIGNED};
	char *secret = cookie_secret(&raw, value);

	if (secret)
		assert(span_equal(span_of(secret), value));
	check_secret(secret, value.len);
	secret = cookie_secret(&is_signed, value);
	if (secret)
		assert(value.len > strlen(secret));
	check_secret(secret, value.len);
}

/* The same header again, in the middle of others. */
static void check_first(struct span header, struct span value)
{
	struct span found = SPAN_NONE;
	struct buf b;

	buf_init(&b, header.len + 256);
	buf_puts(&b, "first=1; x" NAME "=no;");
	buf_put(&b, header);
	buf_puts(&b, "; " NAME "=second");
	assert(find_cookie(buf_span(&b), NAME, &found));
	assert(span_equal(found, value));
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct span s = {text, size}, value = SPAN_NONE;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (find_cookie(s, NAME, &value)) {
		assert(value.data >= text &&
		       value.data + value.len <= text + size);
		check_value(value);
		check_first(s, value);
	}
	check_value(s);
	if (find_ticket(s, &value))
		check_secret(ticket_secret(value), size);
	if (find_bearer(s, &value))
		check_secret(secret_of(value), size);
	free(text);
	return 0;
}
