/*
 * stream: writing without waiting.
 *
 * A frame of which a part is written is finished before anything else; all that
 * follows it is dropped and read again from the journal, so a peer that does
 * not read costs one frame, however much it is owed.
 */
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/peer.h"
#include "shared/registry.h"
#include "stream/open.h"

#define IOV_FRAMES 64

struct stream *stream_new(int fd, uint16_t request_id, struct stream_open *open)
{
	struct stream *s = mem_new(sizeof(*s));

	s->fd = fd;
	s->io.fd = -1;
	s->request_id = request_id;
	s->cursor = open->cursor;
	s->expires_at = open->identity.expires_at;
	s->credential = (uint8_t)open->identity.credential;
	s->credential_id = open->identity.id;
	s->host_secret = open->identity.host_secret;
	open->identity.host_secret = NULL;
	s->types = open->types;
	open->types = NULL;
	s->min_priority = (uint8_t)open->min_priority;
	s->poll = open->poll;
	s->place = open->place; /* given back when the stream is killed */
	open->place.claim = 0;
	s->poll_due = open->due;
	s->written_ns = s->opened_ns = s->checked_ns = clock_mono_ns();
	return s;
}

void stream_free(struct stream *s)
{
	frame_unref(s->rest);
	if (s->fd >= 0)
		close(s->fd);
	free(s->host_secret);
	free(s->types);
	free(s);
}

void stream_open_free(struct stream_open *open)
{
	if (!open)
		return;
	if (open->place.claim)
		registry_release(open->registry, &open->place);
	identity_fini(&open->identity);
	free(open->types);
	free(open);
}

static bool in_list(const char *list, struct span word)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (span_equal((struct span){list, n}, word))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

bool stream_wants(const struct stream *s, enum journal_action action,
		  struct span type, int64_t priority)
{
	if (action != JOURNAL_CREATED)
		return true;
	if (priority < s->min_priority)
		return false;
	return !s->types || in_list(s->types, type);
}

static void note_cursor(struct stream *s, int64_t cursor)
{
	if (cursor != FRAME_NO_CURSOR)
		s->cursor = cursor;
}

static void keep_rest(struct stream *s, struct frame *f, size_t offset)
{
	s->rest = f;
	s->rest_offset = offset;
	note_cursor(s, f->cursor);
}

/* At most IOV_FRAMES frames, which belong to the caller. */
static enum stream_sent send_some(struct stream *s, struct frame **frames,
				  unsigned n)
{
	struct iovec iov[IOV_FRAMES];
	size_t left;
	ssize_t sent;

	for (unsigned i = 0; i < n; i++) {
		iov[i].iov_base = frames[i]->bytes;
		iov[i].iov_len = frames[i]->len;
	}
	sent = peer_write(s->fd, iov, n);
	if (sent < 0)
		return STREAM_GONE;
	left = (size_t)sent;
	for (unsigned i = 0; i < n; i++) {
		if (left < frames[i]->len) {
			keep_rest(s, frame_ref(frames[i]), left);
			return STREAM_SENT_PART;
		}
		left -= frames[i]->len;
		note_cursor(s, frames[i]->cursor);
	}
	return STREAM_SENT;
}

enum stream_sent stream_send(struct stream *s, struct frame *const *frames,
			     unsigned n)
{
	struct frame *mine[IOV_FRAMES];
	enum stream_sent sent = STREAM_SENT;

	while (n && sent == STREAM_SENT) {
		unsigned now = n < IOV_FRAMES ? n : IOV_FRAMES;

		for (unsigned i = 0; i < now; i++)
			mine[i] = frame_for(frames[i], s->request_id);
		sent = send_some(s, mine, now);
		for (unsigned i = 0; i < now; i++)
			frame_unref(mine[i]);
		frames += now;
		n -= now;
	}
	return sent;
}

enum stream_sent stream_send_page(struct stream *s,
				  const struct stream_page *page)
{
	struct iovec iov = {(char *)(uintptr_t)page->bytes.data,
			    page->bytes.len};
	ssize_t sent = peer_write(s->fd, &iov, 1);
	unsigned i = 0;

	if (sent < 0)
		return STREAM_GONE;
	while (i < page->n && page->ends[i] <= (size_t)sent)
		note_cursor(s, page->cursors[i++]);
	if (i == page->n)
		return STREAM_SENT;
	keep_rest(s,
		  frame_of_bytes(page->cursors[i],
				 (struct span){
				     page->bytes.data + sent,
				     page->ends[i] - (size_t)sent,
				 }),
		  0);
	return STREAM_SENT_PART;
}

enum stream_sent stream_flush(struct stream *s)
{
	struct iovec iov;
	ssize_t sent;

	if (!s->rest)
		return STREAM_SENT;
	iov.iov_base = s->rest->bytes + s->rest_offset;
	iov.iov_len = s->rest->len - s->rest_offset;
	sent = peer_write(s->fd, &iov, 1);
	if (sent < 0)
		return STREAM_GONE;
	s->rest_offset += (size_t)sent;
	if (s->rest_offset < s->rest->len)
		return STREAM_SENT_PART;
	frame_unref(s->rest);
	s->rest = NULL;
	return STREAM_SENT;
}
