/*
 * hub_fanout: a page of the journal -> live streams.
 *
 * Rows are encoded as they are read, once each, into one buffer; at the end of
 * the page each becomes a frame that all its streams share.  A user's own rows
 * and the broadcasts are two ascending lists, merged once per user, so the cost
 * is one look-up per row and one write per stream, not a walk over all streams
 * per row.
 *
 * Streams that are not live are passed over: they read the journal themselves.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "shared/metrics.h"
#include "shared/registry.h"
#include "stream/internal.h"

/* A page of more frames than this, all streams together, would keep everybody
 * else waiting: 0.6 µs each. */
#define PAGE_WRITES 40000
/* Above this many users in one page a count for each would cost more than
 * it tells. */
#define COUNTED_USERS 16
/* … and above this many unread ones a count would hold up everybody else. */
#define COUNTED_ROWS 500

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

static void chain(struct user *user, struct page_row *rows, int index)
{
	if (!user->page_touched) {
		user->page_touched = true;
		user->page_first = -1;
	}
	if (user->page_first < 0)
		user->page_first = index;
	else
		rows[user->page_last].next = index;
	user->page_last = index;
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
	struct page_row *r = &hub->rows[hub->row_count];
	struct user *user = hub->row_user;

	hub->page_seen++;
	if (journal_is_watcher(hub->journal))
		metrics_add(hub->metrics, METRIC_EVENT + (unsigned)row->action,
			    1);
	if (!hub->row_wanted)
		return true;
	if (row->action == JOURNAL_SESSION_ENDED ||
	    row->action == JOURNAL_TOKEN_ENDED)
		end_credential(user, row);
	memset(r, 0, sizeof(*r));
	r->offset = hub->payload.len;
	if (!event_begin_row(&hub->payload, row))
		return true;
	r->len = hub->payload.len - r->offset;
	r->user = user;
	r->id = row->id;
	r->at = row->at;
	r->notification_id = row->notification_id;
	r->action = row->action;
	r->next = -1;
	if (row->has_notification) {
		r->priority = row->notification.priority;
		r->type_offset = hub->types.len;
		r->type_len = row->notification.type.len;
		buf_put(&hub->types, row->notification.type);
	}
	if (user)
		chain(user, hub->rows, hub->row_count);
	hub->row_count++;
	hub->page_writes += user ? user->count : hub->count;
	hub->page_full = hub->row_count == JOURNAL_PAGE_ROWS ||
			 hub->page_writes >= PAGE_WRITES ||
			 hub->payload.len >= HUB_PAGE_BYTES ||
			 hub->types.len >= HUB_PAGE_BYTES;
	return !hub->page_full;
}

/* The unread count goes on a user's last frame of the batch, when that is the
 * last thing of the batch they see, and everything committed is in it. */
static int64_t count_for(struct hub *hub, struct db *db, int index,
			 int last_broadcast)
{
	struct user *user = hub->rows[index].user;
	struct span id;
	int64_t count;

	if (!user || user->page_last != index || last_broadcast > index ||
	    hub->page_full || hub->page_seen == JOURNAL_PAGE_ROWS ||
	    !hub->counts_left)
		return EVENT_NO_COUNT;
	hub->counts_left--;
	id = (struct span){user->id, user->id_len};
	if (store_unread_count_within(db, id, clock_wall_ms(), COUNTED_ROWS,
				      &count, NULL) <= 0)
		return EVENT_NO_COUNT;
	return count;
}

static void make_frames(struct hub *hub, struct db *db)
{
	int last_broadcast = -1, touched = 0;
	struct buf event;

	for (int i = 0; i < hub->row_count; i++) {
		if (!hub->rows[i].user)
			last_broadcast = i;
		else if (hub->rows[i].user->page_first == i)
			touched++;
	}
	buf_init(&event, HUB_PAGE_BYTES * 2);
	for (int i = 0; i < hub->row_count; i++) {
		struct page_row *r = &hub->rows[i];

		buf_reset(&event);
		buf_append(&event, hub->payload.data + r->offset, r->len);
		event_end_row(&event,
			      touched > COUNTED_USERS
				  ? EVENT_NO_COUNT
				  : count_for(hub, db, i, last_broadcast));
		r->frame = frame_new(1, r->id, buf_span(&event));
	}
	buf_fini(&event);
}

/* A user who hid a broadcast must not see it again because it was updated. */
static void note_hidden(struct hub *hub, struct db *db, int row)
{
	struct page_hidden *hidden;
	struct db_stmt *s;
	struct user *user;

	if (db_query(db, DB_HIDDEN_USERS, &s, NULL) < 0)
		return;
	db_bind_int(s, ":id", hub->rows[row].notification_id);
	while (db_step(s, NULL) > 0) {
		user = hub_find_user(hub, db_text(s, 0));
		if (!user)
			continue;
		hidden = mem_new(sizeof(*hidden));
		hidden->row = row;
		LL_PREPEND(user->page_hidden, hidden);
	}
}

static void note_all_hidden(struct hub *hub, struct db *db)
{
	for (int i = 0; i < hub->row_count; i++)
		if (!hub->rows[i].user &&
		    hub->rows[i].action == JOURNAL_UPDATED)
			note_hidden(hub, db, i);
}

static bool is_hidden(const struct user *user, int row)
{
	const struct page_hidden *hidden;

	LL_FOREACH (user->page_hidden, hidden)
		if (hidden->row == row)
			return true;
	return false;
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
		if (!is_hidden(user, next))
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

static void forget_hidden(struct user *user)
{
	struct page_hidden *hidden, *next;

	LL_FOREACH_SAFE (user->page_hidden, hidden, next)
		free(hidden);
	user->page_hidden = NULL;
}

static void forget_page(struct hub *hub)
{
	struct user *user, *next_user;
	bool broadcasts = false;

	for (int i = 0; i < hub->row_count; i++) {
		frame_unref(hub->rows[i].frame);
		if (hub->rows[i].user)
			hub->rows[i].user->page_touched = false;
		else
			broadcasts = true;
	}
	if (broadcasts)
		HASH_ITER (hh, hub->users, user, next_user)
			forget_hidden(user);
	hub->row_count = 0;
	hub->page_full = false;
	buf_reset(&hub->payload);
	buf_reset(&hub->types);
}

void hub_recall_ahead(struct hub *hub)
{
	struct stream *s, *next;

	DL_FOREACH_SAFE2 (hub->ahead, s, next, lag_next)
		if (s->cursor <= hub->position)
			hub_set_state(hub, s, STREAM_LAGGING);
}

static void page_rows_end(struct journal_sink *sink, struct db *db)
{
	struct hub *hub = hub_of(sink);

	make_frames(hub, db);
	note_all_hidden(hub, db);
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
		forget_page(hub);
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
	/* One row more than the page may take: it is the one that fills it. */
	buf_init(&hub->payload,
		 HUB_PAGE_BYTES + NOTIFICATION_STREAM_MAX_BYTES + 4096);
	buf_init(&hub->types, HUB_PAGE_BYTES * 64);
	buf_reserve(&hub->types, 1); /* so that data + 0 is an address */
}

void hub_fanout_fini(struct hub *hub)
{
	buf_fini(&hub->payload);
	buf_fini(&hub->types);
}
