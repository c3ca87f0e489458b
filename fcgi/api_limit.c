/*
 * api_limit: does somebody ask too often?  First by address, before anything is
 * looked up, then by credential.
 *
 * The address is the web server's word (REMOTE_ADDR).  This machine's own is
 * exempt: behind a proxy on the same machine it is everybody's.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "api_internal.h"
#include "auth.h"
#include "config.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "limit.h"
#include "metrics.h"

#define NAME_BYTES 96

static enum limit_rate rate_of(const struct api_call *call)
{
	if (call->route->handler == api_stream && !call->answer->head_only)
		return LIMIT_CONNECT;
	if (call->route->handler == api_create)
		return LIMIT_PUBLISH;
	return call->route->method == METHOD_GET ? LIMIT_READ : LIMIT_WRITE;
}

static int take(struct api_call *call, const struct limit_key *key,
		struct err *err)
{
	static const char *const rates[] = {"connect", "read", "write",
					    "publish"};

	call->retry_ms = limit_take(call->api->limits, key);
	if (!call->retry_ms)
		return 0;
	metrics_add(call->api->metrics, METRIC_LIMITED + (unsigned)key->rate,
		    1);
	return err_set(err, ERR_LIMITED,
		       "too many requests of this %s (rate_limit, %s)",
		       key->who == LIMIT_ADDRESS ? "address" : "credential",
		       rates[key->rate]);
}

int api_limit_address(struct api_call *call, struct err *err)
{
	const char *address = request_param(call->request, "REMOTE_ADDR");
	struct limit_key key = {rate_of(call), LIMIT_ADDRESS, span_of(address)};

	if (!address || strncmp(address, "127.", 4) == 0 ||
	    strcmp(address, "::1") == 0)
		return 0;
	return take(call, &key, err);
}

/* "2 17": the row of a session or token; where there is none, the user. */
static struct limit_key credential_key(const struct api_call *call,
				       char name[static NAME_BYTES])
{
	const struct identity *who = call->who;
	struct limit_key key = {rate_of(call), LIMIT_CREDENTIAL,
				identity_user(who)};

	if (!who->id)
		return key;
	snprintf(name, NAME_BYTES, "%d %lld", (int)who->credential,
		 (long long)who->id);
	key.name = span_of(name);
	return key;
}

int api_limit_credential(struct api_call *call, struct err *err)
{
	char name[NAME_BYTES];
	struct limit_key key = credential_key(call, name);

	return take(call, &key, err);
}

void api_limit_more(struct api_call *call, unsigned n)
{
	char name[NAME_BYTES];
	struct limit_key key = credential_key(call, name);

	limit_charge(call->api->limits, &key, n);
}
