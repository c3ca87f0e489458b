/*
 * hub_catchup: lagging streams read the journal themselves, page by page, until
 * they reach the hub's position and are live again.
 *
 * Round robin within a time budget per turn: "a page for each" would not be
 * bounded with ten thousand of them.  The rows of a page go straight from
 * SQLite into one buffer, a FastCGI record per event, and out with one write;
 * of what is not taken, only the event that was cut is kept, the rest is read
 * again later.
 */
#include <utlist.h>

#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/log.h"
#include "stream/internal.h"

#define BUDGET_NS     2000000
#define CATCHUP_BYTES (256u * 1024) /* per page: about what a socket takes */

struct reading {
	unsigned n;	/* events in hub->page */
	int64_t cursor; /* the last row read, wanted or not */
	bool end;	/* there are no more up to the hub's position */
	struct buf event;
};

static void put_event(struct hub *hub, struct stream *s, struct reading *r,
		      const struct journal_row *row)
{
	buf_reset(&r->event);
	if (!event_begin_row(&r->event, row))
		return;
	event_end_row(&r->event, EVENT_NO_COUNT);
	fcgi_put_stdout(&hub->page, s->request_id, buf_span(&r->event));
	hub->ends[r->n] = hub->page.len;
	hub->cursors[r->n] = row->id;
	r->n++;
}

static int read_rows(struct hub *hub, struct stream *s, struct reading *r,
		     struct err *err)
{
	struct db *db = journal_db(hub->journal);
	struct journal_row row;
	struct db_stmt *query;
	unsigned rows = 0;
	int rc;

	if (db_query(db, DB_REPLAY_PAGE, &query, err) < 0)
		return -1;
	db_bind_text(query, ":user", hub_user_id(s->user));
	db_bind_int(query, ":after", s->cursor);
	db_bind_int(query, ":through", hub->position);
	db_bind_int(query, ":limit", JOURNAL_PAGE_ROWS);
	db_bind_int(query, ":now", clock_wall_ms());
	while ((rc = db_step(query, err)) > 0) {
		journal_row_from(&row, query);
		rows++;
		r->cursor = row.id;
		if (!row.has_notification ||
		    stream_wants(s, row.action, row.notification.type,
				 row.notification.priority))
			put_event(hub, s, r, &row);
		if (hub->page.len >= CATCHUP_BYTES || rows == JOURNAL_PAGE_ROWS)
			break;
	}
	db_reset(query);
	r->end = rc == 0;
	return rc < 0 ? -1 : 0;
}

/* The journal was pruned, or rewritten, past this stream. */
static void reset_stream(struct hub *hub, struct stream *s)
{
	enum journal_reset reason = s->cursor == STREAM_CURSOR_REWRITTEN
					? JOURNAL_RESET_REWRITTEN
					: JOURNAL_RESET_EXPIRED;
	struct frame *frame;
	struct buf event;

	buf_init(&event, 4096);
	event_put_reset(&event, reason, hub->position);
	frame = frame_new(s->request_id, hub->position, buf_span(&event));
	s->cursor = hub->position;
	s->poll_due = true;
	hub_written(hub, s, stream_send(s, &frame, 1), STREAM_LIVE);
	frame_unref(frame);
	buf_fini(&event);
}

static void send_page(struct hub *hub, struct stream *s,
		      const struct reading *r)
{
	struct stream_page page = {buf_span(&hub->page), hub->ends,
				   hub->cursors, r->n};
	enum stream_sent sent = STREAM_SENT;

	if (r->n) {
		s->poll_due = true;
		sent = stream_send_page(s, &page);
	}
	if (sent == STREAM_SENT)
		s->cursor = r->end ? hub->position : r->cursor;
	hub_written(hub, s, sent,
		    s->cursor == hub->position ? STREAM_LIVE : STREAM_LAGGING);
}

static int catch_up_one(struct hub *hub, struct stream *s, struct err *err)
{
	struct reading r = {.cursor = s->cursor};
	struct db *db = journal_db(hub->journal);
	struct store_head head;
	int rc = -1;

	buf_init(&r.event, NOTIFICATION_STREAM_MAX_BYTES + 4096);
	buf_reset(&hub->page);
	if (db_begin_read(db, err) < 0)
		goto out;
	rc = store_head(db, &head, err);
	if (rc == 0 && s->cursor >= head.floor)
		rc = read_rows(hub, s, &r, err);
	db_rollback(db);
	if (rc < 0)
		goto out;
	if (s->cursor < head.floor)
		reset_stream(hub, s);
	else
		send_page(hub, s, &r);
out:
	buf_fini(&r.event);
	return rc;
}

void hub_catch_up(struct hub *hub)
{
	int64_t until = clock_mono_ns() + BUDGET_NS;
	struct err err;

	/* Without a database they wait; the journal tries to open it. */
	while (hub->lagging && journal_db(hub->journal)) {
		struct stream *s = hub->lagging;

		/* To the end of the round robin before its page. */
		DL_DELETE2(hub->lagging, s, lag_prev, lag_next);
		DL_APPEND2(hub->lagging, s, lag_prev, lag_next);
		if (catch_up_one(hub, s, &err) < 0) {
			if (err.code != ERR_BUSY)
				log_warn("catch-up", "code=%s detail=\"%s\"",
					 err_name(err.code), err.message);
			return; /* the next turn, at the latest the tick's */
		}
		if (clock_mono_ns() >= until) {
			if (hub->lagging)
				loop_again(hub->loop);
			return;
		}
	}
}
