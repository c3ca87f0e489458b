/*
 * admit: who asks, and may they do this?  Credential, then CSRF, then
 * scope.
 */
#include <string.h>

#include "api/answer.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "shared/limit.h"
#include "shared/metrics.h"

static int check_csrf(const struct api_call *call, struct err *err)
{
	const struct request *r = call->request;
	struct api_origin from = {
	    request_param(r, "HTTP_ORIGIN"),
	    request_param(r, "HTTP_SEC_FETCH_SITE"),
	    request_param(r, "HTTP_HOST"),
	};

	if (call->route->method == METHOD_GET || !call->who->ambient ||
	    api_csrf_passes(&from, call->config->cors_origins))
		return 0;
	return err_set(err, ERR_DENIED,
		       "a change that a cookie vouches for must come from a "
		       "page of this site: expected Sec-Fetch-Site: "
		       "same-origin, or an Origin that is this host or in "
		       "cors_origins");
}

static int check_scope(const struct api_call *call, struct err *err)
{
	unsigned wanted = call->route->scopes;
	const char *has = auth_scopes_text(call->who->scopes);

	if (api_has_scope(call, wanted))
		return 0;
	return err_set(err, ERR_DENIED,
		       "the credential has the scopes \"%s\", expected %s%s",
		       has, wanted & (wanted - 1) ? "one of " : "",
		       auth_scopes_text(wanted));
}

int api_admit(struct api_call *call, bool consume, struct err *err)
{
	call->who = NULL;
	identity_fini(call->who_owned);
	memset(call->who_owned, 0, sizeof(*call->who_owned));
	if (auth_identify(call->auth, call->db, call->request, consume,
			  call->who_owned, err) < 0) {
		call->retry_ms = auth_retry_ms(call->auth);
		if (err->code == ERR_LIMITED)
			metrics_add(call->api->metrics,
				    METRIC_LIMITED + LIMIT_GUESS, 1);
		return -1;
	}
	call->who = call->who_owned;
	if (check_csrf(call, err) < 0)
		return -1;
	return check_scope(call, err);
}
