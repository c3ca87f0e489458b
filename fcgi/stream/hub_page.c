/*
 * hub_page: the page of the journal that is being read, made into frames.
 *
 * Each row is encoded as it is read, once, into one buffer.  At the end of the
 * page each row becomes a frame that all its streams share.  A user's own rows
 * are a chain through the page.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "inbox/store.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/mem.h"
#include "stream/internal.h"

/* A page of more frames than this, all streams together, would keep everybody
 * else waiting: 0.6 µs each. */
#define PAGE_WRITES 40000
/* Above this many users in one page a count for each would cost more than
 * it tells. */
#define COUNTED_USERS 16
/* … and above this many unread ones a count would hold up everybody else. */
#define COUNTED_ROWS 500

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

bool hub_page_take(struct hub *hub, const struct journal_row *row)
{
	struct page_row *r = &hub->rows[hub->row_count];
	struct user *user = hub->row_user;

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
	id = hub_user_id(user);
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

bool hub_page_is_hidden(const struct user *user, int row)
{
	const struct page_hidden *hidden;

	LL_FOREACH (user->page_hidden, hidden)
		if (hidden->row == row)
			return true;
	return false;
}

void hub_page_finish(struct hub *hub, struct db *db)
{
	make_frames(hub, db);
	note_all_hidden(hub, db);
}

static void forget_hidden(struct user *user)
{
	struct page_hidden *hidden, *next;

	LL_FOREACH_SAFE (user->page_hidden, hidden, next)
		free(hidden);
	user->page_hidden = NULL;
}

void hub_page_forget(struct hub *hub)
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

void hub_page_init(struct hub *hub)
{
	/* One row more than the page may take: it is the one that fills it. */
	buf_init(&hub->payload,
		 HUB_PAGE_BYTES + NOTIFICATION_STREAM_MAX_BYTES + 4096);
	buf_init(&hub->types, HUB_PAGE_BYTES * 64);
	buf_reserve(&hub->types, 1); /* so that data + 0 is an address */
}

void hub_page_fini(struct hub *hub)
{
	buf_fini(&hub->payload);
	buf_fini(&hub->types);
}
