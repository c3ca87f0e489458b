/*
 * request: which credential does a request carry?
 *
 * The first that is there decides, also when it is malformed: to fall back to
 * the next would let whoever can add a parameter choose who a request is from.
 */
#include "auth/auth.h"
#include "auth/internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "lib/fcgi.h"

#define SECRET_MAX_BYTES 4096u
#define ALPHA_NUMERIC                                                          \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Is every byte one of these? */
static bool all_of(struct span s, const char *allowed)
{
	for (size_t i = 0; i < s.len; i++)
		if (!s.data[i] || !strchr(allowed, s.data[i]))
			return false;
	return true;
}

static char *secret_of(struct span s)
{
	if (s.len == 0 || s.len > SECRET_MAX_BYTES ||
	    memchr(s.data, '\0', s.len))
		return NULL;
	return span_dup(s);
}

/* The part before the separator; *s becomes what follows it.  False at the
 * end. */
static bool next_part(struct span *s, char separator, struct span *part)
{
	const char *end;

	if (!s->data)
		return false;
	end = memchr(s->data, separator, s->len);
	*part = *s;
	if (!end) {
		*s = SPAN_NONE;
		return true;
	}
	part->len = (size_t)(end - s->data);
	s->len -= part->len + 1;
	s->data = end + 1;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Appends the decoded text; -1 at a % without two hex digits. */
static int percent_decode(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.data[i] != '%') {
			buf_putc(out, s.data[i]);
			continue;
		}
		if (s.len - i < 3)
			return -1;
		high = hex_digit(s.data[i + 1]);
		low = hex_digit(s.data[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		buf_putc(out, (char)(high * 16 + low));
		i += 2;
	}
	return out->overflow ? -1 : 0;
}

/* ---- Authorization: Bearer (RFC 6750) ---- */

#define SCHEME	   "bearer"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

bool auth_is_bearer(struct span header)
{
	/* Another scheme is not ours: Basic is the web server's. */
	return header.len >= SCHEME_LEN &&
	       strncasecmp(header.data, SCHEME, SCHEME_LEN) == 0 &&
	       (header.len == SCHEME_LEN || header.data[SCHEME_LEN] == ' ');
}

static bool find_bearer(struct span header, struct span *token)
{
	if (!auth_is_bearer(header))
		return false;
	header.data += SCHEME_LEN;
	header.len -= SCHEME_LEN;
	while (header.len && header.data[0] == ' ') {
		header.data++;
		header.len--;
	}
	while (header.len && header.data[header.len - 1] == ' ')
		header.len--;
	*token = all_of(header, ALPHA_NUMERIC "-._~+/=") ? header : SPAN_NONE;
	return true;
}

/* ---- Cookie (RFC 6265) ---- */

static struct span trim(struct span s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t')) {
		s.data++;
		s.len--;
	}
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* The value of the first cookie of that name. */
static bool find_cookie(struct span header, const char *name,
			struct span *value)
{
	struct span pair, key;

	while (next_part(&header, ';', &pair)) {
		*value = pair;
		if (!next_part(value, '=', &key) || !value->data ||
		    !span_equal_text(trim(key), name))
			continue;
		*value = trim(*value);
		if (value->len >= 2 && value->data[0] == '"' &&
		    value->data[value->len - 1] == '"') {
			value->data++;
			value->len -= 2;
		}
		return true;
	}
	return false;
}

static bool are_cookie_octets(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c <= 0x20 || c >= 0x7f || strchr("\",;\\", c))
			return false;
	}
	return true;
}

/* "token.signature", percent-encoded; express-session has "s:" before it.  The
 * signature is the application's, which alone has its key: what we look up
 * is the token, and that is the secret. */
static char *unsign(struct span value)
{
	struct buf decoded;
	struct span s;
	const char *dot;
	char *secret = NULL;

	buf_init(&decoded, SECRET_MAX_BYTES);
	if (percent_decode(value, &decoded) < 0)
		goto out;
	s = buf_span(&decoded);
	if (s.len >= 2 && memcmp(s.data, "s:", 2) == 0) {
		s.data += 2;
		s.len -= 2;
	}
	dot = s.len ? memrchr(s.data, '.', s.len) : NULL;
	if (dot)
		secret =
		    secret_of((struct span){s.data, (size_t)(dot - s.data)});
out:
	buf_fini(&decoded);
	return secret;
}

static char *cookie_secret(const struct config *config, struct span value)
{
	if (!are_cookie_octets(value))
		return NULL;
	if (config->session_cookie_format == COOKIE_FORMAT_RAW)
		return secret_of(value);
	return unsign(value);
}

static const char *cookie_name(const struct config *config,
			       const struct request *request)
{
	const char *https = request_param(request, "HTTPS");
	const char *scheme = request_param(request, "REQUEST_SCHEME");

	if (config->session_cookie)
		return config->session_cookie;
	/* __Host- is for https only: browsers refuse it otherwise. */
	if ((https && strcasecmp(https, "on") == 0) ||
	    (scheme && strcasecmp(scheme, "https") == 0))
		return "__Host-belfry_session";
	return "belfry_session";
}

/* ---- ?ticket= ---- */

static bool find_ticket(struct span query, struct span *ticket)
{
	struct span pair, key;

	while (next_part(&query, '&', &pair)) {
		*ticket = pair;
		if (next_part(ticket, '=', &key) &&
		    span_equal_text(key, "ticket")) {
			if (!ticket->data) /* "?ticket" */
				*ticket = SPAN("");
			return true;
		}
	}
	return false;
}

static char *ticket_secret(struct span raw)
{
	struct buf decoded;
	char *secret = NULL;

	buf_init(&decoded, SECRET_MAX_BYTES);
	if (percent_decode(raw, &decoded) == 0)
		secret = secret_of(buf_span(&decoded));
	buf_fini(&decoded);
	return secret;
}

/* ---- all of them, in order ---- */

static struct span param(const struct request *request, const char *name)
{
	const char *value = request_param(request, name);

	return value && *value ? span_of(value) : SPAN_NONE;
}

void auth_present(const struct config *config, const struct request *request,
		  struct presented *out)
{
	struct span remote_user = param(request, "REMOTE_USER"), value;

	*out = (struct presented){PRESENTED_NOTHING, NULL};
	if (find_bearer(param(request, "HTTP_AUTHORIZATION"), &value)) {
		out->as = PRESENTED_BEARER;
		out->secret = secret_of(value);
	} else if (find_cookie(param(request, "HTTP_COOKIE"),
			       cookie_name(config, request), &value)) {
		out->as = PRESENTED_COOKIE;
		out->secret = cookie_secret(config, value);
	} else if (find_ticket(param(request, "QUERY_STRING"), &value)) {
		out->as = PRESENTED_TICKET;
		out->secret = ticket_secret(value);
	} else if (config->remote_user && remote_user.data) {
		out->as = PRESENTED_REMOTE_USER;
		out->secret = secret_of(remote_user);
	}
}

void presented_fini(struct presented *p)
{
	free(p->secret);
	p->secret = NULL;
}
