/*
 * hub_internal: what hub.c and hub_*.c share.
 */
#ifndef BELFRY_HUB_INTERNAL_H
#define BELFRY_HUB_INTERNAL_H

#include <uthash.h>

#include "journal/journal.h"
#include "lib/loop.h"
#include "stream/event.h"
#include "stream/hub.h"
#include "stream/stream.h"

#define HUB_PAGE_BYTES (1024u * 1024) /* of events encoded per page */

/* A person with open streams. */
struct user {
	UT_hash_handle hh;
	char *id;
	size_t id_len;
	struct stream *streams; /* oldest first */
	unsigned count;		/* of streams that are not ending */
	/* this page's rows of this user: a chain through page_row.next */
	int page_first, page_last;
	bool page_touched;
	struct page_hidden *page_hidden; /* broadcasts they have hidden */
};

/* A broadcast of the page that a user has hidden. */
struct page_hidden {
	struct page_hidden *next;
	int row;
};

/* A row of the page that is being fanned out. */
struct page_row {
	struct user *user;	      /* NULL: everyone */
	size_t offset, len;	      /* in hub.payload, without its end */
	size_t type_offset, type_len; /* in hub.types */
	int64_t id, notification_id, priority, at;
	enum journal_action action;
	struct frame *frame;
	int next; /* row of the same user, or -1 */
};

struct hub {
	const struct config *config;
	struct loop *loop;
	struct registry *registry;
	struct journal *journal;
	struct metrics *metrics;
	struct journal_sink sink;
	struct loop_hook hook;
	struct loop_timer quiet_timer, sweep_timer;
	struct loop_io wake_io; /* other processes want us to look */
	struct user *users;	/* uthash by id */
	struct stream *quiet;	/* all streams, longest silence first */
	struct stream *lagging; /* round robin */
	struct stream *ahead;
	unsigned count;
	int64_t position; /* where live streams stand */
	bool draining;
	unsigned looks_left;  /* at credentials, in this sweep */
	unsigned counts_left; /* unread counts that this second may cost */
	/* the page being fanned out */
	struct page_row rows[JOURNAL_PAGE_ROWS];
	int row_count;
	struct user *row_user; /* whose row is being read; NULL: everyone's */
	bool row_wanted;
	int page_seen;
	unsigned page_sent;   /* frames, to all streams */
	unsigned page_writes; /* about how many the page will take */
	bool page_full;
	struct buf payload, types;
	/* scratch of catch-up */
	struct buf page;
	size_t ends[JOURNAL_PAGE_ROWS];
	int64_t cursors[JOURNAL_PAGE_ROWS];
};

struct user *hub_find_user(struct hub *hub, struct span id);

/* Until when the stream's credential is good, as its row says now: Unix ms,
 * 0 for ever, gone, or unknown (the database can't be asked now). */
#define HUB_CREDENTIAL_GONE    INT64_C(-1)
#define HUB_CREDENTIAL_UNKNOWN INT64_C(-2)
int64_t hub_credential_expiry(struct hub *hub, const struct stream *s);

/* Writes frames to a live (or ending) stream and follows up on what came of it.
 */
void hub_send(struct hub *hub, struct stream *s, struct frame *const *frames,
	      unsigned n);
/* What a write came to: blocked, dead, or goes on as `state`. */
void hub_written(struct hub *hub, struct stream *s, enum stream_sent sent,
		 enum stream_state state);
void hub_set_state(struct hub *hub, struct stream *s, enum stream_state state);
/* Says why and ends the response; a stream that does not read just ends. */
void hub_end_stream(struct hub *hub, struct stream *s, enum event_close reason);
/* The response ends without a farewell (poll mode). */
void hub_finish_stream(struct hub *hub, struct stream *s);
/* The log line for people: "[SSE] User alice connected. Total …". */
void hub_tell(const struct hub *hub, const struct stream *s, const char *what);
/* No more of it: unwatched now, freed at the end of the turn. */
void hub_kill_stream(struct hub *hub, struct stream *s);

/* Written just now: its silence starts again. */
void hub_touch(struct hub *hub, struct stream *s);
/* Where a stream belongs that has nothing half written. */
enum stream_state hub_place_of(const struct hub *hub, const struct stream *s);
/* What epoll is asked for while nothing waits to be written. */
uint32_t hub_stream_events(const struct stream *s);
/* Its descriptor has something to say. */
void hub_stream_ready(struct loop_io *io, uint32_t events);
void hub_drop_user_if_alone(struct hub *hub, struct user *user);

/* hub_heartbeat.c */
void hub_time_init(struct hub *hub);
void hub_time_fini(struct hub *hub);
void hub_time_start(struct hub *hub); /* there is a stream now */

/* hub_processes.c: one user's streams above the limit, here and elsewhere */
void hub_share_evict(struct hub *hub, struct user *user);
/* Each second. */
void hub_share_tick(struct hub *hub);
void hub_share_fini(struct hub *hub);

/* hub_fanout.c */
/* Streams whose snapshot was newer than the hub was: it has caught up. */
void hub_recall_ahead(struct hub *hub);
void hub_fanout_init(struct hub *hub);
void hub_fanout_fini(struct hub *hub);
/* hub_catchup.c: some of the lagging streams, for a bounded time. */
void hub_catch_up(struct hub *hub);

#endif
