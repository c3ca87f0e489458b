/*
 * hub_credential: is the credential that opened a stream still good?
 *
 * Its own row in the database answers: a session or a token that was revoked
 * writes a row of the journal, but one that was prolonged writes none.  The
 * sessions of the host application are server/sessions.c's.
 */
#include "config/config.h"
#include "lib/db.h"
#include "stream/internal.h"

#define NS_PER_MS 1000000

static bool is_ours(const struct stream *s)
{
	return s->credential == CREDENTIAL_SESSION ||
	       s->credential == CREDENTIAL_TOKEN;
}

bool hub_credential_revoked(struct hub *hub, const struct stream *s,
			    int64_t checked)
{
	struct db *db = journal_db(hub->journal);
	struct db_stmt *query;
	int rc;

	if (!db || checked >= hub->position || !is_ours(s) ||
	    db_query(db, DB_REVOKED_SINCE, &query, NULL) < 0)
		return false;
	db_bind_int(query, ":after", checked);
	db_bind_int(query, ":through", hub->position);
	db_bind_int(query, ":id", s->credential_id);
	db_bind_text(
	    query, ":action",
	    span_of(journal_action_name(s->credential == CREDENTIAL_SESSION
					    ? JOURNAL_SESSION_ENDED
					    : JOURNAL_TOKEN_ENDED)));
	rc = db_step(query, NULL);
	db_reset(query);
	return rc > 0;
}

int64_t hub_credential_expiry(struct hub *hub, const struct stream *s)
{
	struct db *db = journal_db(hub->journal);
	int64_t expiry = HUB_CREDENTIAL_UNKNOWN;
	struct db_stmt *query;
	int rc;

	if (!is_ours(s))
		return s->expires_at;
	if (!db ||
	    db_query(db,
		     s->credential == CREDENTIAL_SESSION ? DB_SESSION_EXPIRY
							 : DB_TOKEN_EXPIRY,
		     &query, NULL) < 0)
		return HUB_CREDENTIAL_UNKNOWN;
	db_bind_int(query, ":id", s->credential_id);
	db_bind_text(query, ":user", hub_user_id(s->user));
	rc = db_step(query, NULL);
	if (rc >= 0)
		expiry = rc ? db_int(query, 0) : HUB_CREDENTIAL_GONE;
	db_reset(query);
	return expiry;
}

bool hub_credential_is_over(struct hub *hub, struct stream *s, int64_t now_ns,
			    int64_t now_ms)
{
	int64_t period = hub->config->heartbeat_ms * NS_PER_MS, expiry;

	if ((!s->expires_at || s->expires_at > now_ms) &&
	    (now_ns - s->checked_ns < period || !hub->looks_left))
		return false;
	if (hub->looks_left)
		hub->looks_left--;
	expiry = hub_credential_expiry(hub, s);
	if (expiry == HUB_CREDENTIAL_UNKNOWN)
		return false; /* nobody is signed out by a lock: ask again */
	s->checked_ns = now_ns;
	if (expiry == HUB_CREDENTIAL_GONE || (expiry && expiry <= now_ms))
		return true;
	s->expires_at = expiry;
	return false;
}
