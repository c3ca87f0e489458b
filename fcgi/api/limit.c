/*
 * limit: does somebody ask too often?  First by address, before anything is
 * looked up, then by who it is.
 *
 * The address is the web server's word (REMOTE_ADDR).  This machine's own is
 * exempt: behind a proxy on the same machine it is everybody's.
 */
#include "shared/limit.h"
#include "api/answer.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "shared/metrics.h"

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
	static const char *const whose[] = {"user", "token", "address"};

	call->retry_ms = limit_take(call->api->limits, key);
	if (!call->retry_ms)
		return 0;
	metrics_add(call->api->metrics, METRIC_LIMITED + (unsigned)key->rate,
		    1);
	return err_set(err, ERR_LIMITED,
		       "too many requests of this %s (rate_limit, %s)",
		       whose[key->who], rates[key->rate]);
}

int api_limit_address(struct api_call *call, struct err *err)
{
	const char *given = request_param(call->request, "REMOTE_ADDR");
	char address[LIMIT_ADDRESS_BYTES];
	struct limit_key key = {rate_of(call), LIMIT_ADDRESS,
				limit_address(address, given)};

	if (!given || limit_is_local(given))
		return 0;
	return take(call, &key, err);
}

/* A token is one program's, made by whoever runs this; of sessions a user can
 * have any number, by signing in again and again. */
static struct limit_key credential_key(const struct api_call *call)
{
	const struct identity *who = call->who;
	struct limit_key key = {rate_of(call), LIMIT_USER, identity_user(who)};

	if (who->credential == CREDENTIAL_TOKEN) {
		key.who = LIMIT_TOKEN;
		key.name =
		    (struct span){(const char *)&who->id, sizeof(who->id)};
	}
	return key;
}

int api_limit_credential(struct api_call *call, struct err *err)
{
	const struct limit_key key = credential_key(call);

	return take(call, &key, err);
}

void api_limit_more(struct api_call *call, unsigned n)
{
	const struct limit_key key = credential_key(call);

	limit_charge(call->api->limits, &key, n);
}
