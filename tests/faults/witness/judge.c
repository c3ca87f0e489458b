/*
 * judge: what was received against what the journal holds.
 *
 * The last era of a stream has to be all that its user may see of the journal
 * above the era's base, in that order.  An era that a reset has ended has to be
 * the beginning of the same, of that journal or of one that was replaced since:
 * nothing was left out up to where it ends.  The only rows that may be passed
 * over are `created` and `updated` ones whose notification is not there any
 * more, since a replay tells the state of now.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "witness.h"

struct row {
	int64_t id;
	bool everyone, gone;
	char *user;
};

struct journal {
	struct row *rows;
	size_t count;
};

static const char query[] =
    "SELECT e.id, e.user_id, e.action IN ('created', 'updated') AND NOT EXISTS "
    "(SELECT 1 FROM notifications n WHERE n.id = e.notification_id "
    "AND n.user_id IN (e.user_id, '*')) "
    "FROM events e WHERE e.action IN ('created', 'updated', 'read', 'unread', "
    "'deleted', 'all-read') ORDER BY e.id";

static void journal_fini(struct journal *j)
{
	for (size_t i = 0; i < j->count; i++)
		free(j->rows[i].user);
	free(j->rows);
}

static void add_row(struct journal *j, sqlite3_stmt *stmt)
{
	const char *user = (const char *)sqlite3_column_text(stmt, 1);
	struct row *row;

	if ((j->count & (j->count - 1)) == 0)
		j->rows = need(realloc(j->rows, (j->count ? j->count * 2 : 1) *
						    sizeof(*row)));
	row = &j->rows[j->count++];
	*row = (struct row){.id = sqlite3_column_int64(stmt, 0),
			    .everyone = strcmp(user, "*") == 0,
			    .gone = sqlite3_column_int(stmt, 2) != 0};
	row->user = row->everyone ? NULL : need(strdup(user));
}

static int journal_load(struct journal *j, const char *path)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int rc;

	*j = (struct journal){NULL, 0};
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, 10000);
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				  NULL);
		rc = sqlite3_prepare_v2(db, query, -1, &stmt, NULL);
	}
	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
			add_row(j, stmt);
	if (rc != SQLITE_DONE)
		fprintf(stderr, "witness: %s: %s\n", path, sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return rc == SQLITE_DONE ? 0 : -1;
}

struct comparison {
	uint64_t lost, strange;
	int64_t first; /* id; -1: none */
};

static bool may_see(const struct stream *s, const struct row *row)
{
	return row->everyone || strcmp(row->user, s->user) == 0;
}

static struct comparison compare(const struct stream *s, const struct era *era,
				 const struct journal *j, bool to_its_end)
{
	struct comparison c = {.first = -1};
	size_t at = 0;

	for (size_t i = 0; i < j->count; i++) {
		const struct row *row = &j->rows[i];

		if (row->id <= era->base || !may_see(s, row))
			continue;
		if (at == era->count && !to_its_end)
			break;
		while (at < era->count && era->ids[at] < row->id) {
			c.first = c.first < 0 ? era->ids[at] : c.first;
			c.strange++;
			at++;
		}
		if (at < era->count && era->ids[at] == row->id) {
			at++;
		} else if (!row->gone) {
			c.first = c.first < 0 ? row->id : c.first;
			c.lost++;
		}
	}
	c.strange += era->count - at;
	return c;
}

static void add(struct verdict *v, const struct stream *s, size_t era,
		const struct comparison *c)
{
	v->lost += c->lost;
	v->strange += c->strange;
	if (!c->lost && !c->strange)
		return;
	v->behind++;
	if (!v->first[0])
		snprintf(v->first, sizeof(v->first),
			 "%s era %zu of %zu from %lld: lost %llu, strange "
			 "%llu, the first of them %lld",
			 s->user, era + 1, s->era_count,
			 (long long)s->eras[era].base,
			 (unsigned long long)c->lost,
			 (unsigned long long)c->strange, (long long)c->first);
}

static void judge_stream(const struct witness *w, const struct stream *s,
			 const struct journal *journals, struct verdict *v)
{
	struct comparison c;

	for (size_t i = 0; i < s->era_count; i++) {
		bool last = i + 1 == s->era_count;

		v->events += s->eras[i].count;
		c = compare(s, &s->eras[i], &journals[0], last);
		for (size_t j = 1; !last && j <= w->old_count; j++)
			if (c.lost || c.strange)
				c = compare(s, &s->eras[i], &journals[j],
					    false);
		add(v, s, i, &c);
	}
}

int judge(const struct witness *w, struct verdict *out)
{
	struct journal *journals =
	    need(calloc(w->old_count + 1, sizeof(*journals)));
	int result = journal_load(&journals[0], w->database);

	for (size_t i = 0; i < w->old_count; i++)
		if (journal_load(&journals[i + 1], w->old[i]) < 0)
			result = -1;
	if (result == 0) {
		memset(out, 0, sizeof(*out));
		for (size_t i = 0; i < w->count; i++)
			judge_stream(w, &w->streams[i], journals, out);
	}
	for (size_t i = 0; i <= w->old_count; i++)
		journal_fini(&journals[i]);
	free(journals);
	return result;
}
