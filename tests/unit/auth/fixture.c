/* auth_fixture: see auth_fixture.h. */
#include "auth/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "lib/fcgi.h"

struct db *open_database(const char *path)
{
	struct db_options options = {
	    .path = path, .create = true, .busy_timeout_ms = 1000};
	struct db *db = NULL;
	struct err err;

	if (db_open(&db, &options, &err) < 0)
		fail_msg("%s", err.message);
	return db;
}

void execute(struct db *db, const char *sql)
{
	struct err err;

	if (db_exec(db, sql, &err) < 0)
		fail_msg("%s", err.message);
}

int64_t one_int(struct db *db, const char *sql)
{
	struct db_stmt *s;
	struct err err;
	int64_t value;

	assert_int_equal(db_query_text(db, sql, &s, &err), 0);
	assert_int_equal(db_step(s, &err), 1);
	value = db_int(s, 0);
	db_reset(s);
	return value;
}

int auth_fixture_set_up(void **state)
{
	struct auth_fixture *f = calloc(1, sizeof(*f));

	snprintf(f->folder, sizeof(f->folder), "/tmp/belfry-auth.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/belfry.db", f->folder);
	snprintf(f->host_path, sizeof(f->host_path), "%s/host.db", f->folder);
	f->db = open_database(f->path);
	if (db_migrate(f->db, &f->err) < 0 ||
	    auth_open(&f->auth, &f->config, &f->err) < 0 ||
	    auth_create(f->db, AUTH_SESSIONS, SPAN("alice"), SCOPE_READ, 60000,
			f->session, &f->session_id, &f->err) < 0 ||
	    auth_create(f->db, AUTH_TOKENS, SPAN("alice"),
			SCOPE_READ | SCOPE_PUBLISH, 0, f->token, &f->token_id,
			&f->err) < 0)
		fail_msg("%s", f->err.message);
	*state = f;
	return 0;
}

int auth_fixture_tear_down(void **state)
{
	struct auth_fixture *f = *state;
	char command[128];

	identity_fini(&f->who);
	auth_close(f->auth);
	db_close(f->db);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

void host(struct auth_fixture *f, bool own_file)
{
	static char query[] = HOST_QUERY;
	struct db *db;

	if (own_file) {
		db = open_database(f->host_path);
		execute(db, HOST_TABLE);
		db_close(db);
		f->config.session_database = f->host_path;
	} else {
		execute(f->db, HOST_TABLE);
	}
	f->config.session_query = query;
}

/* ---- requests ---- */

static void put_record(struct buf *b, char type, struct span content)
{
	char head[8] = {1,
			type,
			0,
			1,
			(char)(content.len >> 8),
			(char)(content.len & 0xff)};

	buf_append(b, head, sizeof(head));
	buf_put(b, content);
}

static void put_pair(struct buf *b, const char *name, const char *value)
{
	size_t length = strlen(value);
	const char long_length[4] = {(char)(0x80 | (length >> 24)),
				     (char)(length >> 16), (char)(length >> 8),
				     (char)length};

	buf_putc(b, (char)strlen(name));
	if (length > 127)
		buf_append(b, long_length, sizeof(long_length));
	else
		buf_putc(b, (char)length);
	buf_puts(b, name);
	buf_puts(b, value);
}

/* "NAME=value" lines, as the web server would send them. */
static struct request *make_request(const char *lines)
{
	struct fcgi_gather gather;
	struct request *request = NULL;
	struct buf params, records;
	struct err err;
	char *copy = strdup(lines), *rest = copy, *line;

	buf_init(&params, 1 << 20);
	buf_init(&records, 1 << 20);
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value = '\0';
		put_pair(&params, line, value + 1);
	}
	put_record(&records, 1, SPAN("\0\1\0\0\0\0\0\0"));
	put_record(&records, 4, buf_span(&params));
	put_record(&records, 4, SPAN(""));
	put_record(&records, 5, SPAN(""));
	fcgi_gather_init(&gather, 1024);
	assert_int_equal(
	    fcgi_gather_feed(&gather, records.data, records.len, &err),
	    FCGI_COMPLETE);
	assert_int_equal(request_parse(&request, &gather, &err), 0);
	buf_fini(&params);
	buf_fini(&records);
	free(copy);
	return request;
}

static int identify_by(struct auth_fixture *f, const char *lines, bool consume)
{
	struct request *request = make_request(lines);
	bool ticket = auth_has_ticket(f->auth, request);
	int result;

	identity_fini(&f->who);
	f->err = (struct err){ERR_OK, ""};
	if ((ticket ? db_begin_write(f->db, &f->err)
		    : db_begin_read(f->db, &f->err)) < 0)
		fail_msg("%s", f->err.message);
	result =
	    auth_identify(f->auth, f->db, request, consume, &f->who, &f->err);
	if (result == 0)
		assert_int_equal(db_commit(f->db, &f->err), 0);
	else
		db_rollback(f->db);
	request_free(request);
	return result;
}

const char *identify_with(struct auth_fixture *f, const char *lines,
			  const char *secret, bool consume, int line)
{
	size_t before = strcspn(lines, "@");
	char text[8192];

	snprintf(text, sizeof(text), "%.*s%s%s", (int)before, lines, secret,
		 lines[before] ? lines + before + 1 : "");
	if (identify_by(f, text, consume) == 0)
		return f->who.user;
	if (strlen(secret) > 3 && strstr(f->err.message, secret))
		fail_msg("line %d: the message holds the secret: %s", line,
			 f->err.message);
	return err_name(f->err.code);
}
