/* stream and frame: what is half written is finished, the rest is forgotten. */
#include "stream/stream.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "stream/open.h"

struct fixture {
	struct stream *stream;
	int peer;
	struct buf got;
};

static struct stream_open *make_open(const char *types, int64_t min_priority)
{
	struct stream_open *open = mem_new(sizeof(*open));

	open->identity.user = mem_strdup("alice");
	open->identity.user_len = 5;
	open->types = types ? mem_strdup(types) : NULL;
	open->min_priority = min_priority;
	open->cursor = 7;
	return open;
}

static void set_up(struct fixture *f, uint16_t request_id)
{
	struct stream_open *open = make_open(NULL, 0);
	int fds[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	f->stream = stream_new(fds[0], request_id, open);
	f->peer = fds[1];
	stream_open_free(open);
	buf_init(&f->got, 64u << 20);
}

static void tear_down(struct fixture *f)
{
	stream_free(f->stream);
	close(f->peer);
	buf_fini(&f->got);
}

static void read_all(struct fixture *f)
{
	char bytes[65536];
	ssize_t n;

	while ((n = read(f->peer, bytes, sizeof(bytes))) > 0)
		buf_append(&f->got, bytes, (size_t)n);
}

static struct frame *make_frame(int64_t cursor, char fill, size_t n)
{
	char *text = mem_new(n);
	struct frame *frame;

	memset(text, fill, n);
	frame = frame_new(1, cursor, (struct span){text, n});
	free(text);
	return frame;
}

static void the_cut_frame_is_finished_and_no_other_begun(void **state)
{
	struct frame *frames[50];
	struct fixture f;
	size_t expected = 0, k;

	(void)state;
	set_up(&f, 1);
	for (int i = 0; i < 50; i++)
		frames[i] = make_frame(100 + i, (char)('a' + i % 26), 1000);
	assert_int_equal(stream_send(f.stream, frames, 50), STREAM_SENT_PART);
	/* The cursor is at the frame that was cut. */
	k = (size_t)(f.stream->cursor - 100);
	assert_true(k > 0 && k < 49);
	while (stream_flush(f.stream) == STREAM_SENT_PART)
		read_all(&f);
	read_all(&f);
	assert_null(f.stream->rest);
	for (size_t i = 0; i <= k; i++) {
		assert_memory_equal(f.got.data + expected, frames[i]->bytes,
				    frames[i]->len);
		expected += frames[i]->len;
	}
	assert_int_equal(f.got.len, expected);
	for (int i = 0; i < 50; i++)
		frame_unref(frames[i]);
	tear_down(&f);
}

static void a_page_is_cut_at_an_event(void **state)
{
	enum { N = 40, SIZE = 1008 };
	size_t ends[N], k;
	int64_t cursors[N];
	struct fixture f;
	struct buf bytes;
	struct stream_page page;

	(void)state;
	set_up(&f, 1);
	buf_init(&bytes, 1 << 20);
	for (int i = 0; i < N; i++) {
		struct frame *frame = make_frame(i, 'x', SIZE - 8);

		buf_append(&bytes, frame->bytes, frame->len);
		frame_unref(frame);
		ends[i] = bytes.len;
		cursors[i] = 200 + i;
	}
	page = (struct stream_page){buf_span(&bytes), ends, cursors, N};
	assert_int_equal(stream_send_page(f.stream, &page), STREAM_SENT_PART);
	k = (size_t)(f.stream->cursor - 200);
	assert_true(k < N - 1);
	assert_true(f.stream->rest->len <= SIZE);
	while (stream_flush(f.stream) == STREAM_SENT_PART)
		read_all(&f);
	read_all(&f);
	assert_int_equal(f.got.len, ends[k]);
	assert_memory_equal(f.got.data, bytes.data, ends[k]);
	buf_fini(&bytes);
	tear_down(&f);
}

static void a_peer_that_is_gone_is_told_apart(void **state)
{
	struct frame *frame = make_frame(1, 'x', 10);
	struct fixture f;

	(void)state;
	set_up(&f, 1);
	close(f.peer);
	f.peer = -1;
	assert_int_equal(stream_send(f.stream, &frame, 1), STREAM_GONE);
	frame_unref(frame);
	tear_down(&f);
}

static void another_request_id_gets_its_own_headers(void **state)
{
	/* Two records: the text is longer than one holds. */
	struct frame *frame = make_frame(1, 'x', 70000);
	struct frame *same = frame_for(frame, 1);
	struct frame *other = frame_for(frame, 0x0102);
	size_t second = 8 + 65528;

	(void)state;
	assert_ptr_equal(same, frame);
	assert_ptr_not_equal(other, frame);
	assert_memory_equal(other->bytes + 2, "\1\2", 2);
	assert_memory_equal(other->bytes + second + 2, "\1\2", 2);
	assert_memory_equal(frame->bytes + second + 2, "\0\1", 2);
	frame_unref(same);
	frame_unref(other);
	frame_unref(frame);
}

static void the_filter_narrows_created_only(void **state)
{
	struct stream_open *open = make_open("build,deploy", 3);
	struct stream *s = stream_new(-1, 1, open);

	(void)state;
	assert_true(stream_wants(s, JOURNAL_CREATED, SPAN("build"), 3));
	assert_true(stream_wants(s, JOURNAL_CREATED, SPAN("deploy"), 5));
	assert_false(stream_wants(s, JOURNAL_CREATED, SPAN("build"), 2));
	assert_false(stream_wants(s, JOURNAL_CREATED, SPAN("buil"), 3));
	assert_false(stream_wants(s, JOURNAL_CREATED, SPAN("build,deploy"), 3));
	assert_true(stream_wants(s, JOURNAL_UPDATED, SPAN("chat"), 1));
	assert_true(stream_wants(s, JOURNAL_DELETED, SPAN_NONE, 0));
	stream_open_free(open);
	stream_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_cut_frame_is_finished_and_no_other_begun),
	    cmocka_unit_test(a_page_is_cut_at_an_event),
	    cmocka_unit_test(a_peer_that_is_gone_is_told_apart),
	    cmocka_unit_test(another_request_id_gets_its_own_headers),
	    cmocka_unit_test(the_filter_narrows_created_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
