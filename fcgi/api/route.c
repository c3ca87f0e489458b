/*
 * route: which handler a request goes to.  Pure.
 *
 * REQUEST_URI is what the client asked for and the same behind every web
 * server; SCRIPT_NAME and PATH_INFO are split differently by each, and decoded
 * already.  So REQUEST_URI decides, and the pair is asked only where it says
 * nothing (absent, or rewritten by the server).  Decoding happens once, before
 * anything is compared, and dots are not resolved: what is not in the table
 * is not there.
 */
#include <string.h>

#include "api/internal.h"
#include "auth/auth.h"
#include "inbox/notification.h"
#include "lib/err.h"

static const struct api_route routes[] = {
    {METHOD_GET, "", SCOPE_READ, api_list},
    {METHOD_POST, "", SCOPE_PUBLISH, api_create},
    {METHOD_GET, "/unread-count", SCOPE_READ, api_unread_count},
    {METHOD_GET, "/stream", SCOPE_READ, api_stream},
    {METHOD_POST, "/read-all", SCOPE_READ, api_read_all},
    {METHOD_POST, "/ticket", SCOPE_READ, api_ticket},
    {METHOD_GET, "/stats", SCOPE_ADMIN, api_stats},
    {METHOD_GET, "/healthz", 0, api_healthz},
    {METHOD_GET, "/readyz", 0, api_readyz},
    {METHOD_GET, "/metrics", SCOPE_ADMIN, api_metrics},
    {METHOD_GET, "/{id}", SCOPE_READ, api_get},
    {METHOD_PATCH, "/{id}", SCOPE_READ | SCOPE_PUBLISH, api_patch},
    {METHOD_DELETE, "/{id}", SCOPE_READ | SCOPE_PUBLISH, api_delete},
    {METHOD_POST, "/{id}/read", SCOPE_READ, api_read},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static const struct {
	unsigned method;
	const char *name;
} methods[] = {
    {METHOD_GET, "GET"},     {METHOD_GET, "HEAD"},	{METHOD_POST, "POST"},
    {METHOD_PATCH, "PATCH"}, {METHOD_DELETE, "DELETE"},
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

int api_parse_id(struct span text, int64_t *id)
{
	int64_t value = 0;

	/* 2^53 - 1 has 16 digits: 16 of them never overflow. */
	if (!text.len || text.len > 16 || text.data[0] == '0')
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value = value * 10 + (text.data[i] - '0');
	}
	if (value > NOTIFICATION_ID_MAX)
		return -1;
	*id = value;
	return 0;
}

static bool matches(const char *pattern, struct span path, int64_t *id)
{
	const char *brace = strstr(pattern, "{id}");
	size_t before, after, middle;

	if (!brace)
		return span_equal_text(path, pattern);
	before = (size_t)(brace - pattern);
	after = strlen(brace + 4);
	if (path.len < before + after ||
	    memcmp(path.data, pattern, before) != 0 ||
	    memcmp(path.data + path.len - after, brace + 4, after) != 0)
		return false;
	middle = path.len - before - after;
	return api_parse_id((struct span){path.data + before, middle}, id) == 0;
}

static unsigned method_of(struct span name)
{
	for (size_t i = 0; i < METHODS; i++) {
		if (span_equal_text(name, methods[i].name))
			return methods[i].method;
	}
	return 0;
}

const char *api_route_allow(char out[static API_ALLOW_BYTES], unsigned allow)
{
	out[0] = '\0';
	for (size_t i = 0; i < METHODS; i++) {
		if (allow & methods[i].method) {
			strcat(out, methods[i].name);
			strcat(out, ", ");
		}
	}
	return strcat(out, "OPTIONS");
}

int api_route_find(struct span path, struct span method,
		   const struct api_route **route, int64_t *id, unsigned *allow,
		   struct err *err)
{
	unsigned wanted = method_of(method), there = 0;
	char text[API_ALLOW_BYTES];

	if (!path.len || span_equal_text(path, "/"))
		path = SPAN("");
	for (size_t i = 0; i < ROUTES; i++) {
		int64_t found = 0;

		if (!matches(routes[i].pattern, path, &found))
			continue;
		there |= routes[i].method;
		if (routes[i].method != wanted)
			continue;
		*route = &routes[i];
		*id = found;
		return 0;
	}
	if (!there)
		return err_set(
		    err, ERR_NOT_FOUND, "there is nothing at \"%.*s\"",
		    (int)(path.len < 128 ? path.len : 128), path.data);
	*allow = there;
	return err_set(err, ERR_METHOD, "method %.*s, expected one of %s",
		       (int)(method.len < 32 ? method.len : 32), method.data,
		       api_route_allow(text, there));
}

/* Cuts base_path off; what follows must be its end or a new segment. */
static int below(struct span path, const char *base_path, struct buf *out)
{
	size_t n = strlen(base_path);

	if (path.len < n || memcmp(path.data, base_path, n) != 0 ||
	    (path.len > n && path.data[n] != '/'))
		return -1;
	buf_reset(out);
	buf_append(out, path.data + n, path.len - n);
	return 0;
}

int api_route_path(const struct api_path *path, const char *base_path,
		   struct buf *out, struct err *err)
{
	struct buf whole;
	int result = -1;

	buf_init(&whole, out->max);
	if (path->request_uri && path->request_uri[0] == '/') {
		const char *uri = path->request_uri;
		struct span raw = {uri, strcspn(uri, "?#")};

		if (api_decode(raw, false, &whole) < 0) {
			err_set(err, ERR_INVALID,
				"the path is not percent-encoded as it must "
				"be: expected %%XX, and not %%00");
			goto out;
		}
		result = below(buf_span(&whole), base_path, out);
	}
	if (result < 0) {
		buf_reset(&whole);
		buf_puts(&whole, path->script_name ? path->script_name : "");
		buf_puts(&whole, path->path_info ? path->path_info : "");
		result = below(buf_span(&whole), base_path, out);
	}
	if (result == 0 && (whole.overflow || out->overflow))
		result = -1;
	if (result < 0)
		err_set(err, ERR_NOT_FOUND, "the path is not below %s",
			base_path);
out:
	buf_fini(&whole);
	return result;
}
