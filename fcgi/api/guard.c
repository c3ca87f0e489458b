/*
 * guard: may a request of a browser pass, and may its page read the
 * answer?  Pure.
 *
 * A cookie goes along with what any page sends, so a change that it vouches
 * for needs a sign that the page was ours: Sec-Fetch-Site, which no script can
 * set, or an Origin that is listed.  Only browsers too old for Sec-Fetch-Site
 * are asked whether Origin and Host agree.  Tokens need none of this: no page
 * of others has them.
 */
#include <string.h>
#include <strings.h>

#include "api/internal.h"

bool api_origin_listed(const char *origin, char *const *listed)
{
	if (!origin || !listed)
		return false;
	for (; *listed; listed++) {
		if (strcmp(origin, *listed) == 0)
			return true;
	}
	return false;
}

/* "example.org:80" and "example.org" are one host to http, and the browser
 * leaves out the port in both places or in one. */
static size_t without_port(const char *host, const char *port)
{
	size_t n = strlen(host), p = strlen(port);

	if (n > p && strcmp(host + n - p, port) == 0)
		return n - p;
	return n;
}

static bool is_same_host(const char *origin, const char *host)
{
	const char *port;
	size_t a, b;

	if (!origin || !host || !host[0])
		return false;
	if (strncasecmp(origin, "https://", 8) == 0) {
		origin += 8;
		port = ":443";
	} else if (strncasecmp(origin, "http://", 7) == 0) {
		origin += 7;
		port = ":80";
	} else {
		return false;
	}
	a = without_port(origin, port);
	b = without_port(host, port);
	return a == b && strncasecmp(origin, host, a) == 0;
}

bool api_csrf_passes(const struct api_origin *from, char *const *listed)
{
	const char *site = from->sec_fetch_site;

	if (api_origin_listed(from->origin, listed))
		return true;
	if (site)
		return strcmp(site, "same-origin") == 0 ||
		       strcmp(site, "none") == 0;
	return is_same_host(from->origin, from->host);
}

bool api_is_json_type(const char *content_type)
{
	size_t n;

	if (!content_type || !content_type[0])
		return true;
	n = strcspn(content_type, "; \t");
	if (n == 16 && strncasecmp(content_type, "application/json", n) == 0)
		return true;
	return n > 17 && strncasecmp(content_type, "application/", 12) == 0 &&
	       strncasecmp(content_type + n - 5, "+json", 5) == 0;
}
