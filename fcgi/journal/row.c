/*
 * row: a row of the journal, out of the database; its words.
 */
#include "journal/journal.h"
#include "lib/db.h"

static const char *const action_names[] = {
    "created",	"updated",	 "read",	"unread", "deleted",
    "all-read", "session-ended", "token-ended", "epoch",
};

const char *journal_action_name(enum journal_action action)
{
	return action < JOURNAL_UNKNOWN ? action_names[action] : "unknown";
}

enum journal_action journal_action_of(struct span name)
{
	for (int i = 0; i < JOURNAL_UNKNOWN; i++)
		if (span_equal_text(name, action_names[i]))
			return (enum journal_action)i;
	return JOURNAL_UNKNOWN;
}

const char *journal_reset_name(enum journal_reset reason)
{
	static const char *const names[] = {"expired", "unknown", "invalid",
					    "epoch", "rewritten"};

	return names[reason];
}

void journal_row_head_from(struct journal_row *row, struct db_stmt *stmt)
{
	row->has_notification = false;
	row->id = db_int(stmt, 0);
	row->user_id = db_text(stmt, 1);
	row->action = journal_action_of(db_text(stmt, 2));
	row->notification_id = db_int(stmt, 3);
}

void journal_row_from(struct journal_row *row, struct db_stmt *stmt)
{
	journal_row_head_from(row, stmt);
	row->has_notification = !db_is_null(stmt, JOURNAL_NONCE_COLUMN + 1);
	if (row->has_notification)
		notification_from_row(&row->notification, stmt,
				      JOURNAL_NONCE_COLUMN + 1);
}
