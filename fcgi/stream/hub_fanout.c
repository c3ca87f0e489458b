/*
 * hub_fanout: a page of the journal -> live streams.
 *
 * A user's own rows and the broadcasts are two ascending lists.  They are
 * merged once per user.  So the cost is one look-up per row and one write per
 * stream, not a walk over all streams per row.
 *
 * Streams that are not live are passed over: they read the journal themselves.
 */
#include <utlist.h>

#include "lib/clock.h"
#include "shared/metrics.h"
#include "shared/registry.h"
#include "stream/internal.h"

static struct hub *hub_of(struct journal_sink *sink)
{
	return CONTAINER_OF(sink, struct hub, sink);
}

/* A session or token is over: its streams end at once. */
static void end_credential(struct user *user, const struct journal_row *row)
{
	enum credential credential = row->action == JOURNAL_SESSION_ENDED
					 ? CREDENTIAL_SESSION
					 : CREDENTIAL_TOKEN;
	struct stream *s;

	if (!user)
		return;
	DL_FOREACH2 (user->streams, s, user_next)
		if (s->credential == credential &&
		    s->credential_id == row->notification_id)
			hub_end_stream(s->hub, s, EVENT_CLOSE_SESSION);
}

/* The one look-up of this row: take_row comes next. */
static bool wants(struct journal_sink *sink, struct span user_id)
{
	struct hub *hub = hub_of(sink);

	hub->row_user = NULL;
	if (span_equal_text(user_id, NOTIFICATION_EVERYONE))
		return hub->row_wanted = hub->users != NULL;
	hub->row_user = hub_find_user(hub, user_id);
	return hub->row_wanted = hub->row_user != NULL;
}

static bool take_row(struct journal_sink *sink, const struct journal_row *row)
{
	struct hub *hub = hub_of(sink);

	hub->page_seen++;
	if (journal_is_watcher(hub->journal))
		metrics_add(hub->metrics, METRIC_EVENT + (unsigned)row->action,
			    1);
	if (!hub->row_wanted)
		return true;
	if (row->action == JOURNAL_SESSION_ENDED ||
	    row->action == JOURNAL_TOKEN_ENDED)
		end_credential(hub->row_user, row);
	return hub_page_take(hub, row);
}

/* Indexes of the rows this user sees, in order: own and broadcasts merged. */
static unsigned merge(const struct hub *hub, const struct user *user,
		      const int *broadcasts, int broadcast_count, int *out)
{
	int own = user->page_touched ? user->page_first : -1, b = 0;
	unsigned n = 0;

	while (own >= 0 || b < broadcast_count) {
		int next;

		if (own >= 0 && (b == broadcast_count || own < broadcasts[b])) {
			next = own;
			own = hub->rows[own].next;
		} else {
			next = broadcasts[b++];
		}
		if (!user->page_hidden || !hub_page_is_hidden(user, next))
			out[n++] = next;
	}
	return n;
}

static void send_to(struct hub *hub, struct stream *s, const int *indexes,
		    unsigned n)
{
	struct frame *frames[JOURNAL_PAGE_ROWS];
	unsigned wanted = 0;

	if (s->state != STREAM_LIVE)
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct page_row *r = &hub->rows[indexes[i]];
		struct span type = {hub->types.data + r->type_offset,
				    r->type_len};

		if (stream_wants(s, r->action, type, r->priority))
			frames[wanted++] = r->frame;
	}
	if (wanted)
		hub_send(hub, s, frames, wanted);
	hub->page_sent += wanted;
}

static void send_page(struct hub *hub)
{
	int broadcasts[JOURNAL_PAGE_ROWS], indexes[JOURNAL_PAGE_ROWS];
	struct user *user, *next_user;
	struct stream *s;
	int count = 0;

	for (int i = 0; i < hub->row_count; i++)
		if (!hub->rows[i].user)
			broadcasts[count++] = i;
	if (count == 0) {
		/* Only those who own a row: found through the rows. */
		for (int i = 0; i < hub->row_count; i++) {
			unsigned n;

			user = hub->rows[i].user;
			if (user->page_first != i)
				continue;
			n = merge(hub, user, broadcasts, 0, indexes);
			DL_FOREACH2 (user->streams, s, user_next)
				send_to(hub, s, indexes, n);
		}
		return;
	}
	HASH_ITER (hh, hub->users, user, next_user) {
		unsigned n = merge(hub, user, broadcasts, count, indexes);

		DL_FOREACH2 (user->streams, s, user_next)
			send_to(hub, s, indexes, n);
	}
}

static void page_rows_end(struct journal_sink *sink, struct db *db)
{
	hub_page_finish(hub_of(sink), db);
}

void hub_recall_ahead(struct hub *hub)
{
	struct stream *s, *next;

	DL_FOREACH_SAFE2 (hub->ahead, s, next, lag_next)
		if (s->cursor <= hub->position)
			hub_set_state(hub, s, STREAM_LAGGING);
}

/* How long after they were made were these rows written? */
static void count_page(struct hub *hub)
{
	int64_t now_ms = clock_wall_ms();

	for (int i = 0; i < hub->row_count; i++)
		metrics_lag(hub->metrics, now_ms - hub->rows[i].at);
	metrics_add(hub->metrics, METRIC_DELIVERED, hub->page_sent);
	hub->page_sent = 0;
}

static void page_end(struct journal_sink *sink, int64_t position)
{
	struct hub *hub = hub_of(sink);

	/* Who is cut off from here on keeps a cursor of its own. */
	if (hub->row_count) {
		send_page(hub);
		count_page(hub);
		hub_page_forget(hub);
	}
	hub->page_seen = 0;
	hub->page_writes = 0;
	hub->position = position;
	hub_recall_ahead(hub);
}

/* The history that is now may know nothing of the stream's session. */
static void start_over(struct hub *hub, struct stream *s, struct frame *reset)
{
	int64_t expiry = hub_credential_expiry(hub, s);

	if (expiry == HUB_CREDENTIAL_UNKNOWN)
		s->expires_at = 1; /* ask again with the next sweep */
	if (expiry == HUB_CREDENTIAL_GONE) {
		hub_end_stream(hub, s, EVENT_CLOSE_SESSION);
	} else if (s->state == STREAM_BLOCKED) {
		s->cursor = STREAM_CURSOR_REWRITTEN;
	} else if (s->state < STREAM_ENDING) {
		hub_set_state(hub, s, STREAM_LIVE);
		hub_send(hub, s, &reset, 1);
	}
}

static void usable(struct journal_sink *sink, bool is_usable)
{
	registry_set_usable(hub_of(sink)->registry, is_usable);
}

static void rewritten(struct journal_sink *sink, int64_t position)
{
	struct hub *hub = hub_of(sink);
	struct user *user, *next_user;
	struct frame *frame;
	struct stream *s;
	struct buf event;

	buf_init(&event, 4096);
	event_put_reset(&event, JOURNAL_RESET_REWRITTEN, position);
	frame = frame_new(1, position, buf_span(&event));
	buf_fini(&event);
	hub->position = position;
	HASH_ITER (hh, hub->users, user, next_user) {
		DL_FOREACH2 (user->streams, s, user_next)
			start_over(hub, s, frame);
	}
	frame_unref(frame);
}

void hub_fanout_init(struct hub *hub)
{
	hub->sink.usable = usable;
	hub->sink.wants = wants;
	hub->sink.row = take_row;
	hub->sink.page_rows_end = page_rows_end;
	hub->sink.page_end = page_end;
	hub->sink.rewritten = rewritten;
}
