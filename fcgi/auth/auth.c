/*
 * auth: a request gets its identity, unless its address has guessed too often.
 *
 * The other files, each using only those before it: request.c finds the
 * credential that a request carries, scopes.c knows the scopes, host.c asks the
 * host application's table, credential.c compares the credential with its row,
 * issue.c makes new ones.
 */
#include "auth/auth.h"

#include <stdlib.h>

#include "auth/internal.h"
#include "config/config.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/mem.h"
#include "shared/limit.h"

int auth_open(struct auth **out, const struct config *config, struct err *err)
{
	struct auth *a = mem_new(sizeof(*a));

	(void)err;
	a->config = config;
	*out = a;
	return 0;
}

void auth_close(struct auth *a)
{
	if (!a)
		return;
	db_close(a->host);
	free(a);
}

/* Who has tried too many bad ones from this address is not looked up; but one
 * that was good lately is, as an address may be that of a whole company. */
static int look_up_unless_guessed(struct auth *a, struct db *db,
				  const struct request *request, bool consume,
				  const struct presented *p,
				  struct identity *out, struct err *err)
{
	struct span secret = span_of(p->secret);
	char address[LIMIT_ADDRESS_BYTES];
	const struct limit_key guess = {
	    LIMIT_GUESS, LIMIT_ADDRESS,
	    limit_address(address, request_param(request, "REMOTE_ADDR"))};
	int result;

	a->retry_ms = limit_look(a->limits, &guess);
	if (a->retry_ms && !limit_remembers(a->limits, secret))
		return err_set(err, ERR_LIMITED,
			       "too many bad credentials from this address");
	a->retry_ms = 0;
	result = auth_look_up(a, db, p, consume, out, err);
	if (result == 0 && p->as != PRESENTED_TICKET)
		limit_remember(a->limits, secret);
	else if (result < 0 && err->code == ERR_UNAUTHORIZED)
		limit_charge(a->limits, &guess, 1);
	return result;
}

int auth_identify(struct auth *a, struct db *db, const struct request *request,
		  bool consume, struct identity *out, struct err *err)
{
	struct presented p;
	int result;

	auth_present(a->config, request, &p);
	if (p.as == PRESENTED_NOTHING)
		result = err_set(err, ERR_UNAUTHORIZED,
				 "expected a bearer token, a session cookie or "
				 "a ticket, found none");
	else if (!p.secret)
		result = err_set(err, ERR_UNAUTHORIZED,
				 "the credential is malformed");
	else
		result = look_up_unless_guessed(a, db, request, consume, &p,
						out, err);
	presented_fini(&p);
	return result;
}

void auth_share(struct auth *a, struct limits *limits)
{
	a->limits = limits;
}

int64_t auth_retry_ms(const struct auth *a)
{
	return a->retry_ms;
}

bool auth_has_ticket(struct auth *a, const struct request *request)
{
	struct presented p;

	auth_present(a->config, request, &p);
	presented_fini(&p);
	return p.as == PRESENTED_TICKET;
}
