/*
 * group: requests that write share a commit.
 *
 * SQLite has one writer.  If each request commits for itself, each pays for a
 * commit, and waits for the lock in a busy handler that sleeps.  So one thread
 * writes for all: the requests that have come while it was committing are the
 * next group.  Each is a savepoint of the group's transaction; none is answered
 * before its COMMIT.  The transaction begins when the first of them has read
 * its body, and what the others bring must be little: nobody's lock waits for a
 * large body to be parsed, or for thousands of rows.
 */
#include "api/answer.h"
#include "api/api.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "shared/registry.h"

#define DRAINING_BUSY_TIMEOUT_MS 500
#define GROUP_BODIES_BYTES	 (256u * 1024)
/* So long what the host application has said of a session is not asked for
 * again while its database may be locked, and ours is. */
#define HOST_FRESH_MS 1000

static int group_fails(struct api *api, const struct err *why)
{
	if (!api->group_err.code)
		api->group_err = *why;
	return -1;
}

/* The credential was read on this connection, nobody else's commit has been
 * seen on it since, and it has not expired: it is as good as it was then. */
static bool is_fresh(const struct api_call *call, struct db *db)
{
	const struct identity *who = call->who;
	int64_t now_ms = clock_wall_ms();

	if (!db || !who)
		return false;
	if (who->asked_ms)
		return now_ms >= who->asked_ms &&
		       now_ms - who->asked_ms < HOST_FRESH_MS;
	return who->read_in == db_seen_state(db) &&
	       (!who->expires_at || who->expires_at > now_ms);
}

int api_begin_write(struct api_call *call, struct err *err)
{
	struct api *api = call->api;

	if (api->group_err.code) {
		*err = api->group_err;
		return -1;
	}
	/* Who stops must not wait until it is killed. */
	if (registry_draining(call->registry))
		db_set_busy_timeout(call->db, DRAINING_BUSY_TIMEOUT_MS);
	/* Whoever does not get the lock does not wait for it once more for
	 * each request of the group. */
	if (!db_in_transaction(call->db) && db_begin_write(call->db, err) < 0)
		return group_fails(api, err);
	if (db_savepoint(call->db, err) < 0)
		return -1;
	call->in_savepoint = true;
	if (is_fresh(call, call->db))
		return 0;
	return api_admit(call, true, err);
}

int api_commit(struct api_call *call, bool changed, struct err *err)
{
	if (db_release(call->db, err) < 0)
		return -1;
	call->in_savepoint = false;
	if (changed)
		call->answer->wrote = true;
	return 0;
}

static int write_one(struct api_call *call, struct err *err)
{
	bool began;

	if (api_call_route(call, err) < 0)
		return -1;
	began = call->api->db && db_in_transaction(call->api->db);
	/* Within a group the connection stays: it holds the transaction. */
	if (began || is_fresh(call, call->api->db))
		call->db = call->api->db;
	else if (api_use_database(call, err) < 0)
		return -1;
	if (call->route->handler(call, err) == 0)
		return 0;
	if (call->in_savepoint)
		db_rollback_to_savepoint(call->db);
	/* Disk full, I/O error: SQLite has undone what others of the group
	 * have written. */
	if ((began || call->in_savepoint) && !db_in_transaction(call->db))
		group_fails(call->api, err);
	return -1;
}

static void begin_again(struct api_call *call, struct api *api,
			struct api_exchange *exchange)
{
	answer_fini(exchange->answer);
	answer_init(exchange->answer);
	api_call_init(call, api, exchange);
}

static void answer_one(struct api *api, struct api_exchange *exchange)
{
	struct err err = {ERR_OK, ""};
	struct api_call call;

	begin_again(&call, api, exchange);
	call.who = &exchange->who; /* as it was: see is_fresh */
	if (write_one(&call, &err) < 0)
		api_call_fail(&call, &err);
}

static void fail_all(struct api *api, struct api_exchange *list)
{
	for (struct api_exchange *e = list; e; e = e->next) {
		struct err err = api->group_err;
		struct api_call call;

		/* Who was refused for a reason of their own stays so. */
		if (e->answer->status >= 400)
			continue;
		begin_again(&call, api, e);
		api_call_fail(&call, &err);
	}
}

static void write_some(struct api *api, struct api_exchange *list)
{
	struct err err;

	for (struct api_exchange *e = list; e; e = e->next)
		answer_one(api, e);
	if (!api->group_err.code && api->db && db_in_transaction(api->db) &&
	    db_commit(api->db, &err) < 0)
		group_fails(api, &err);
	if (api->db)
		db_rollback(api->db);
	if (api->group_err.code)
		fail_all(api, list);
	api_check_database(api, &api->group_err);
	for (struct api_exchange *e = list; e; e = e->next)
		identity_fini(&e->who);
}

/* The last of the list that goes into one transaction with the first. */
static struct api_exchange *last_together(struct api_exchange *e)
{
	size_t bytes = request_body(e->request).len;

	for (; e->next; e = e->next) {
		bytes += request_body(e->next->request).len;
		if (bytes > GROUP_BODIES_BYTES)
			break;
	}
	return e;
}

void api_write_group(struct api *api, struct api_exchange *list)
{
	api->group_err = (struct err){ERR_OK, ""};
	while (list) {
		struct api_exchange *last = last_together(list);
		struct api_exchange *rest = last->next;

		last->next = NULL;
		/* Who did not get the lock has waited for all. */
		if (api->group_err.code != ERR_BUSY)
			api->group_err = (struct err){ERR_OK, ""};
		write_some(api, list);
		last->next = rest;
		list = rest;
	}
}
