/*
 * database: the connection of one struct api.
 *
 * It is opened when a request needs it and dropped when the file under it was
 * replaced or failed: the process lives while its database is away.
 *
 * Where one thread does all (CGI, mod_fcgid), it is the journal's, for as long
 * as a job takes: a second one would cost each process 300 kB, most of it the
 * parsed triggers, and 2 ms at its start.
 */
#include "api/api.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "inbox/retention.h"
#include "journal/journal.h"
#include "lib/db.h"
#include "lib/err.h"

#define BUSY_TIMEOUT_MS		  5000
#define RETENTION_BUSY_TIMEOUT_MS 100

static void drop_database(struct api *api)
{
	db_close(api->db);
	api->db = NULL;
	api->db_is_journals = false;
}

void api_let_go(struct api *api)
{
	if (api->db && db_moved(api->db))
		drop_database(api);
}

static void borrow(struct api *api)
{
	if (api->db || !api->journal)
		return;
	api->db = journal_lend(api->journal);
	api->db_is_journals = api->db != NULL;
	if (api->db)
		db_set_busy_timeout(api->db, BUSY_TIMEOUT_MS);
	api->has_borrowed = true;
}

void api_job_done(struct api *api)
{
	if (!api->has_borrowed)
		return;
	journal_return(api->journal, api->db, api->db_is_journals);
	api->db = NULL;
	api->has_borrowed = api->db_is_journals = false;
}

static int use_database(struct api *api, struct err *err)
{
	struct db_options options = {
	    .path = api->config->database,
	    .busy_timeout_ms = BUSY_TIMEOUT_MS,
	    .synchronous_full = api->config->synchronous_full,
	    .cache_kib = api->cache_kib,
	    .leave_checkpoints = api->leave_checkpoints,
	};

	borrow(api);
	api_let_go(api);
	if (api->db || db_open(&api->db, &options, err) == 0)
		return 0;
	/* A file that is missing is our trouble, not a 404. */
	if (err->code == ERR_NOT_FOUND || err->code == ERR_IO)
		err->code = ERR_UNAVAILABLE;
	return -1;
}

int api_use_database(struct api_call *call, struct err *err)
{
	if (use_database(call->api, err) < 0)
		return -1;
	call->db = call->api->db;
	return 0;
}

void api_check_database(struct api *api, const struct err *err)
{
	if (err->code == ERR_CORRUPT || err->code == ERR_IO)
		drop_database(api);
}

int api_host_look(struct api *api, struct auth_host_file *file,
		  struct auth_host_look *looks, size_t count, struct err *err)
{
	if (use_database(api, err) < 0)
		return -1;
	return auth_host_look(api->auth, api->db, file, looks, count, err);
}

void api_leave_checkpoints(struct api *api)
{
	api->leave_checkpoints = true;
}

int api_wal_pages(const struct api *api)
{
	return api->db ? db_wal_pages(api->db) : 0;
}

void api_checkpoint(struct api *api)
{
	struct err err;

	if (use_database(api, &err) == 0 && db_checkpoint(api->db, &err) < 0)
		api_check_database(api, &err);
}

int api_retention(struct api *api, struct retention *retention,
		  struct retention_step *step, struct err *err)
{
	int result;

	if (use_database(api, err) < 0)
		return -1;
	/* It can come again, and a request may wait for this worker. */
	db_set_busy_timeout(api->db, RETENTION_BUSY_TIMEOUT_MS);
	result = retention_step(retention, api->db, step, err);
	db_set_busy_timeout(api->db, BUSY_TIMEOUT_MS);
	if (result < 0)
		api_check_database(api, err);
	return result;
}
