/*
 * internal: what the files of the hub share, in the order in which they use
 * each other: a file calls only what stands above its own part.
 *
 * The loop's thread.
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

/* ---- hub_user.c: the index by user ---- */

static inline struct span hub_user_id(const struct user *user)
{
	return (struct span){user->id, user->id_len};
}
struct user *hub_find_user(struct hub *hub, struct span id); /* or NULL */
struct user *hub_make_user(struct hub *hub, struct span id); /* or finds it */
/* Frees a user who has no stream. */
void hub_drop_user_if_alone(struct hub *hub, struct user *user);

/* ---- hub_credential.c: is what opened the stream still good? ---- */

/* Was the credential revoked between journal row `checked` and the hub's
 * position?  Later revocations come with later rows. */
bool hub_credential_revoked(struct hub *hub, const struct stream *s,
			    int64_t checked);
/* Until when the stream's credential is good, as its row says now: Unix ms,
 * 0 for ever, gone, or unknown (the database can't be asked now). */
#define HUB_CREDENTIAL_GONE    INT64_C(-1)
#define HUB_CREDENTIAL_UNKNOWN INT64_C(-2)
int64_t hub_credential_expiry(struct hub *hub, const struct stream *s);
/* Has the credential expired, or gone?  Its row is looked up when it should
 * expire, as it may have been prolonged, of which no journal row tells; and
 * once per heartbeat all the same, as a database put back from a backup may not
 * know the session and yet have our anchor. */
bool hub_credential_is_over(struct hub *hub, struct stream *s, int64_t now_ns,
			    int64_t now_ms);

/* ---- hub_stream.c: one stream ---- */

/* Writes frames to a live (or ending) stream and follows up on the result. */
void hub_send(struct hub *hub, struct stream *s, struct frame *const *frames,
	      unsigned n);
/* Follows up on a write: the stream is blocked, dead, or goes on as `state`. */
void hub_written(struct hub *hub, struct stream *s, enum stream_sent sent,
		 enum stream_state state);
void hub_set_state(struct hub *hub, struct stream *s, enum stream_state state);
/* Says why and ends the response; a stream that does not read just ends. */
void hub_end_stream(struct hub *hub, struct stream *s, enum event_close reason);
/* The response ends without a farewell (poll mode). */
void hub_finish_stream(struct hub *hub, struct stream *s);
/* The log line for people: "[SSE] User alice connected. Total …". */
void hub_tell(const struct hub *hub, const struct stream *s, const char *what);
/* Closes the connection now; the stream is freed at the end of the turn. */
void hub_kill_stream(struct hub *hub, struct stream *s);
/* The stream was written to just now: its silence starts again. */
void hub_touch(struct hub *hub, struct stream *s);
/* The state of a stream that has nothing half written. */
enum stream_state hub_place_of(const struct hub *hub, const struct stream *s);
/* What epoll is asked for while nothing waits to be written. */
uint32_t hub_stream_events(const struct stream *s);
/* The stream's descriptor is readable or writable. */
void hub_stream_ready(struct loop_io *io, uint32_t events);

/* ---- hub_processes.c: the streams of other processes ---- */

/* Ends the user's oldest streams above the limit, here and elsewhere. */
void hub_processes_evict(struct hub *hub, struct user *user);
void hub_processes_tick(struct hub *hub); /* each second */
void hub_processes_fini(struct hub *hub);

/* ---- hub_heartbeat.c ---- */

void hub_heartbeat_init(struct hub *hub);
void hub_heartbeat_fini(struct hub *hub);
/* There is a stream now: its silence is watched. */
void hub_heartbeat_start(struct hub *hub);
/* Sends one now; a poll ends with it. */
void hub_heartbeat(struct hub *hub, struct stream *s);

/* ---- hub_sweep.c: once a second ---- */

void hub_sweep_init(struct hub *hub);
void hub_sweep_fini(struct hub *hub);

/* ---- hub_page.c: the page that is being read ---- */

void hub_page_init(struct hub *hub);
void hub_page_fini(struct hub *hub);
/* Takes a row of hub->row_user; false: the page is full. */
bool hub_page_take(struct hub *hub, const struct journal_row *row);
/* Makes the frames, in the transaction in which the rows were read. */
void hub_page_finish(struct hub *hub, struct db *db);
/* Has the user hidden the broadcast in that row? */
bool hub_page_is_hidden(const struct user *user, int row);
void hub_page_forget(struct hub *hub);

/* ---- hub_fanout.c: rows to live streams ---- */

void hub_fanout_init(struct hub *hub);
/* Streams whose snapshot was newer than the hub was: the hub has caught up. */
void hub_recall_ahead(struct hub *hub);

/* ---- hub_catchup.c: rows to lagging streams ---- */

/* Some of the lagging streams, for a bounded time. */
void hub_catch_up(struct hub *hub);

#endif
