/*
 * tail_row: one event for a person, or for a program.  The JSON is what the
 * stream sends as data, with what there is in its frame and its connection.
 */
#include "tool/tail.h"

#include <inttypes.h>

#include "inbox/notification.h"
#include "journal/journal.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"

#define FIELD_BYTES 64
#define TITLE_BYTES 240

static bool has_whole(enum journal_action action)
{
	return action == JOURNAL_CREATED || action == JOURNAL_UPDATED;
}

static void put_line(struct buf *b, const struct journal_row *row,
		     const char *at)
{
	char user[FIELD_BYTES], title[TITLE_BYTES];

	utf8_line(user, sizeof(user), row->user_id);
	buf_printf(b, "%s  %s  %s  %" PRId64, at, user,
		   journal_action_name(row->action), row->notification_id);
	if (has_whole(row->action)) {
		utf8_line(title, sizeof(title), row->notification.title);
		buf_printf(b, "  %s", title);
	}
	buf_putc(b, '\n');
}

static void put_json(struct buf *b, const struct journal_row *row,
		     const char *at)
{
	buf_printf(b, "{\"id\":%" PRId64 ",\"at\":\"%s\",\"userId\":", row->id,
		   at);
	json_write_string(b, row->user_id);
	buf_printf(b, ",\"action\":\"%s\",", journal_action_name(row->action));
	if (has_whole(row->action)) {
		buf_puts(b, "\"notification\":");
		notification_write_json(b, &row->notification,
					NOTIFICATION_STREAM);
	} else {
		buf_printf(b, "\"%s\":%" PRId64,
			   row->action == JOURNAL_ALL_READ ? "through"
							   : "notificationId",
			   row->notification_id);
	}
	buf_puts(b, "}\n");
}

bool tail_put_row(struct buf *b, const struct journal_row *row, int64_t at,
		  enum tail_form form)
{
	char time[CLOCK_RFC3339_BYTES];

	if (row->action > JOURNAL_ALL_READ ||
	    (has_whole(row->action) && !row->has_notification))
		return false;
	clock_rfc3339(time, at);
	if (form == TAIL_JSON)
		put_json(b, row, time);
	else
		put_line(b, row, time);
	return true;
}
