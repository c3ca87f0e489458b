/*
 * stream: one open response: a cursor, a filter, and at most one half-written
 * frame.  There is no queue: the journal is the queue.
 *
 * The hub's thread.
 */
#ifndef BELFRY_STREAM_H
#define BELFRY_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "journal/journal.h"
#include "lib/loop.h"
#include "shared/registry.h"
#include "stream/frame.h"

struct hub;
struct stream_open;
struct user;

enum stream_state {
	STREAM_LIVE,	/* its cursor is the hub's position */
	STREAM_LAGGING, /* its cursor is its own; writable; waits for its turn
			 */
	STREAM_BLOCKED, /* the peer does not read: waits for EPOLLOUT */
	STREAM_AHEAD,	/* its snapshot was newer than the hub is yet */
	STREAM_ENDING,	/* the last bytes wait for EPOLLOUT */
	STREAM_DEAD	/* freed at the end of the turn */
};

struct stream {
	struct loop_io io;
	int fd; /* -1: closed */
	struct hub *hub;
	struct user *user;
	struct stream *user_next, *user_prev;	/* of the same user */
	struct stream *quiet_next, *quiet_prev; /* by time of last write */
	struct stream *lag_next, *lag_prev;	/* lagging, or ahead */
	struct loop_deferred deferred;
	struct registry_place place; /* none while all were taken */
	int64_t cursor;
	struct frame *rest; /* half written; or NULL */
	size_t rest_offset;
	int64_t written_ns; /* last write */
	int64_t opened_ns;
	int64_t checked_ns; /* its credential, last */
	int64_t expires_at; /* of the credential, Unix ms; 0: never */
	int64_t ends_ns;    /* of its lifetime, 0: never; or of its ending */
	int64_t credential_id;
	char *host_secret;
	char *types; /* filter "a,b"; NULL: all */
	uint16_t request_id;
	uint8_t state;
	uint8_t credential;
	uint8_t min_priority;
	bool poll, poll_due;
};

/* The cursor of a stream that was blocked while history was rewritten. */
#define STREAM_CURSOR_REWRITTEN INT64_C(-1)

/* Takes the descriptor over, and what is on the heap of open (but not open). */
struct stream *stream_new(int fd, uint16_t request_id,
			  struct stream_open *open);
/* Closes the descriptor. Not in any list any more. */
void stream_free(struct stream *s);

/* `created` passes the filter; whatever else always does. */
bool stream_wants(const struct stream *s, enum journal_action action,
		  struct span type, int64_t priority);

enum stream_sent {
	STREAM_SENT,	  /* all of it */
	STREAM_SENT_PART, /* one frame is half written; the cursor is at it, and
			     what came after it is for the journal to repeat */
	STREAM_GONE	  /* the peer hung up */
};
/* Writes frames in order; moves the cursor.  No half-written frame may be
 * there. */
enum stream_sent stream_send(struct stream *s, struct frame *const *frames,
			     unsigned n);
/* Writes n bytes that consist of frames: ends[i] is where frame i ends,
 * cursors[i] the cursor after it. */
struct stream_page {
	struct span bytes;
	const size_t *ends;
	const int64_t *cursors;
	unsigned n;
};
enum stream_sent stream_send_page(struct stream *s,
				  const struct stream_page *page);
/* Goes on with the half-written frame. */
enum stream_sent stream_flush(struct stream *s);

#endif
