/*
 * stream: the request that becomes a stream.
 *
 * The worker checks everything and writes what comes first (head, `connected`,
 * and `reset` where the cursor can't be honoured), from one snapshot; the hub
 * goes on from the cursor.  A cursor is never a 4xx: native EventSource would
 * stop for good, so it is answered in band.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/api.h"
#include "api/internal.h"
#include "config/config.h"
#include "inbox/store.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/mem.h"
#include "shared/metrics.h"
#include "shared/registry.h"
#include "stream/event.h"
#include "stream/open.h"
#include "stream/sse.h"

#define CURSOR_DIGITS_MAX 19

/* What the client asked for. */
struct wish {
	struct buf text; /* scratch of one parameter */
	bool has_cursor, earliest, malformed;
	uint64_t cursor; /* up to 19 digits, more than int64_t may hold */
	bool other_epoch;
	int64_t min_priority;
	bool poll, poll_asked;
	char *types;
	struct registry_place place;
};

static void parse_cursor(struct wish *wish, struct span text)
{
	if (!text.len)
		return;
	wish->has_cursor = true;
	if (span_equal_text(text, "earliest")) {
		wish->earliest = true;
		return;
	}
	wish->malformed = text.len > CURSOR_DIGITS_MAX;
	for (size_t i = 0; i < text.len && !wish->malformed; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			wish->malformed = true;
		else
			wish->cursor =
			    wish->cursor * 10 + (uint64_t)(text.data[i] - '0');
	}
}

static int read_cursor(const struct api_call *call, struct wish *wish,
		       struct err *err)
{
	const char *header = request_param(call->request, "HTTP_LAST_EVENT_ID");

	if (header && *header) {
		parse_cursor(wish, span_of(header));
		return 0;
	}
	if (api_query(call, "lastEventId", &wish->text, err) < 0) {
		/* Badly encoded is as garbage as any. */
		wish->has_cursor = wish->malformed = true;
		return 0;
	}
	parse_cursor(wish, buf_span(&wish->text));
	return 0;
}

static int read_priority(const struct api_call *call, struct wish *wish,
			 struct err *err)
{
	int found = api_query(call, "minPriority", &wish->text, err);
	struct span text = buf_span(&wish->text);

	if (found < 0)
		return -1;
	if (!found || !text.len)
		return 0;
	if (text.len != 1 || text.data[0] < '1' || text.data[0] > '5')
		return err_set(err, ERR_INVALID,
			       "minPriority: expected a number from 1 to 5");
	wish->min_priority = text.data[0] - '0';
	return 0;
}

static int read_wish(const struct api_call *call, const char *epoch,
		     struct wish *wish, struct err *err)
{
	int poll = api_query_switch(call, "poll", err);

	if (poll < 0 || read_cursor(call, wish, err) < 0 ||
	    read_priority(call, wish, err) < 0)
		return -1;
	wish->poll_asked = poll;
	wish->poll = poll || call->config->stream_mode == STREAM_MODE_POLL;
	if (api_query(call, "epoch", &wish->text, err) < 0)
		return -1;
	wish->other_epoch =
	    wish->text.len && !span_equal_text(buf_span(&wish->text), epoch);
	return 0;
}

/* Where the stream starts. False: not where the client wanted, *why. */
static bool resolve(const struct wish *wish, const struct store_head *head,
		    int64_t *cursor, enum journal_reset *why)
{
	*cursor = head->seq;
	if (wish->malformed)
		*why = JOURNAL_RESET_INVALID;
	else if (wish->other_epoch)
		*why = JOURNAL_RESET_EPOCH;
	else if (!wish->has_cursor)
		return true;
	else if (wish->earliest)
		return *cursor = head->floor, true;
	else if (wish->cursor > (uint64_t)head->seq)
		*why = JOURNAL_RESET_UNKNOWN;
	else if (wish->cursor < (uint64_t)head->floor)
		*why = JOURNAL_RESET_EXPIRED;
	else
		return *cursor = (int64_t)wish->cursor, true;
	return false;
}

static struct stream_open *make_open(struct api_call *call,
				     const struct wish *wish,
				     const struct registry_place *place)
{
	struct stream_open *open = mem_new(sizeof(*open));

	open->identity = *call->who_owned;
	memset(call->who_owned, 0, sizeof(*call->who_owned));
	call->who = NULL;
	open->registry = call->registry;
	open->place = *place;
	open->min_priority = wish->min_priority;
	snprintf(open->request_id, sizeof(open->request_id), "%s",
		 call->request_id);
	open->poll = wish->poll;
	return open;
}

static int read_types(const struct api_call *call, struct wish *wish,
		      struct err *err)
{
	int found = api_query(call, "type", &wish->text, err);

	if (found < 0)
		return -1;
	wish->types = wish->text.len ? span_dup(buf_span(&wish->text)) : NULL;
	return 0;
}

static enum metric resume_metric(const struct wish *wish, bool good,
				 enum journal_reset why)
{
	if (!good)
		return METRIC_RESUME_RESET + (unsigned)why;
	return wish->has_cursor ? METRIC_RESUME_RESUMED : METRIC_RESUME_NONE;
}

/* Everything is checked: the answer is a stream. */
static void start(struct api_call *call, struct wish *wish,
		  const struct store_head *head, int64_t unread)
{
	struct event_connected c = {
	    .retry_ms = call->config->retry_ms,
	    .heartbeat_ms = call->config->heartbeat_ms,
	    .now_ms = call->now_ms,
	    .latest = head->seq,
	    .epoch = head->epoch,
	    .unread_count = unread,
	    .poll = wish->poll,
	};
	struct stream_open *open = make_open(call, wish, &wish->place);
	enum journal_reset why = JOURNAL_RESET_INVALID;
	struct buf *out = &call->answer->bytes;
	bool good;

	good = resolve(wish, head, &open->cursor, &why);
	c.resumed = good && wish->has_cursor;
	c.from = good ? open->cursor : SSE_NO_ID;
	metrics_add(call->api->metrics, resume_metric(wish, good, why), 1);
	open->checked = head->seq;
	open->types = wish->types;
	wish->types = NULL;
	/* Who has no cursor and does not know that this is a poll is told both
	 * at once: what is committed while it waits could not be resumed. */
	open->due =
	    !good || (wish->poll && !wish->poll_asked && !wish->has_cursor);
	answer_stream_head(call->answer);
	event_put_connected(out, &c);
	if (!good)
		event_put_reset(out, why, head->seq);
	call->answer->open = open;
}

static int open_stream(struct api_call *call, struct wish *wish,
		       struct err *err)
{
	struct store_head head;
	int64_t unread;

	if (store_head(call->db, &head, err) < 0 ||
	    store_unread_count(call->db, identity_user(call->who), call->now_ms,
			       &unread, err) < 0 ||
	    read_wish(call, head.epoch, wish, err) < 0)
		return -1;
	if (registry_draining(call->registry))
		return err_set(err, ERR_UNAVAILABLE,
			       "the responder is being restarted");
	if (!registry_usable(call->registry))
		return err_set(err, ERR_UNAVAILABLE,
			       "the journal can't be followed now");
	if (call->answer->head_only) {
		if (registry_streams(call->registry) >=
		    call->config->max_streams)
			return err_set(err, ERR_UNAVAILABLE,
				       "max_streams is reached");
		answer_stream_head(call->answer);
		return 0;
	}
	if (read_types(call, wish, err) < 0)
		return -1;
	if (!registry_reserve(call->registry, identity_user(call->who),
			      &wish->place))
		return err_set(err, ERR_UNAVAILABLE, "max_streams is reached");
	start(call, wish, &head, unread);
	return 0;
}

/* What asks this way is an <img> or a <script>: it could read nothing, but a
 * page of another site might fill up the visitor's max_streams_per_user, or
 * have the stream in its process. */
static int check_mode(const struct api_call *call, struct err *err)
{
	const char *mode = request_param(call->request, "HTTP_SEC_FETCH_MODE");

	if (!mode || strcmp(mode, "no-cors") != 0)
		return 0;
	return err_set(err, ERR_DENIED,
		       "a stream can't be embedded: expected a request by "
		       "EventSource or fetch, found Sec-Fetch-Mode: no-cors");
}

int api_stream(struct api_call *call, struct err *err)
{
	struct wish wish = {0};
	int result;

	if (check_mode(call, err) < 0)
		return -1;
	buf_init(&wish.text, API_QUERY_MAX_BYTES);
	result = open_stream(call, &wish, err);
	buf_fini(&wish.text);
	free(wish.types);
	return result;
}
