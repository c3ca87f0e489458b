/*
 * health: is the process alive, and should it get requests?  Both are
 * open to all and tell nothing else.
 */
#include "api/answer.h"
#include "api/internal.h"
#include "inbox/store.h"
#include "lib/db.h"
#include "lib/err.h"
#include "shared/registry.h"

int api_healthz(struct api_call *call, struct err *err)
{
	(void)err; /* a process that answers is alive, database or not */
	answer_json(call->answer, 200, SPAN("{\"status\":\"ok\"}"));
	return 0;
}

int api_readyz(struct api_call *call, struct err *err)
{
	struct store_head head;

	if (call->registry && registry_draining(call->registry))
		return err_set(err, ERR_UNAVAILABLE, "draining: shutting down");
	/* First, as what is wrong with it is the better explanation. */
	if (api_use_database(call, err) < 0 ||
	    store_head(call->db, &head, err) < 0)
		return -1;
	if (call->registry && !registry_usable(call->registry))
		return err_set(err, ERR_UNAVAILABLE,
			       "the journal can't be followed now");
	answer_json(call->answer, 200, SPAN("{\"status\":\"ready\"}"));
	return 0;
}
