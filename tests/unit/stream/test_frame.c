/* frame and stream under CGI: no records, and a pipe in place of a socket. */
#include "stream/frame.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fcgi.h"
#include "lib/mem.h"
#include "stream/open.h"
#include "stream/stream.h"

#define LARGE (3 * FCGI_RECORD_MAX_BYTES + 5)

static char *text_of(size_t n)
{
	char *text = mem_new(n);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 23);
	return text;
}

static void records_are_taken_off(void **state)
{
	char *text = text_of(LARGE);
	struct frame *framed = frame_new(1, 7, (struct span){text, LARGE});
	struct frame *plain = frame_for(framed, FCGI_NO_RECORDS);

	(void)state;
	assert_int_equal(framed->len, LARGE + 4 * FCGI_RECORD_HEADER_BYTES);
	assert_int_equal(plain->len, LARGE);
	assert_memory_equal(plain->bytes, text, LARGE);
	assert_int_equal(plain->cursor, 7);
	frame_unref(plain);
	frame_unref(framed);
	free(text);
}

static void what_is_plain_stays_as_it_is(void **state)
{
	struct frame *f = frame_new(FCGI_NO_RECORDS, 7, SPAN("event"));
	struct frame *none = frame_of_bytes(7, SPAN_NONE);

	(void)state;
	assert_int_equal(f->len, 5);
	assert_memory_equal(f->bytes, "event", 5);
	assert_ptr_equal(frame_for(f, FCGI_NO_RECORDS), f);
	assert_int_equal(none->len, 0);
	frame_unref(none);
	frame_unref(f);
	frame_unref(f);
}

static void the_end_of_a_cgi_response_is_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	fcgi_put_stdout(&b, FCGI_NO_RECORDS, SPAN("Status: 204\r\n\r\n"));
	fcgi_put_end(&b, FCGI_NO_RECORDS);
	assert_true(span_equal_text(buf_span(&b), "Status: 204\r\n\r\n"));
	buf_fini(&b);
}

static struct stream *open_on(int fd)
{
	struct stream_open *open = mem_new(sizeof(*open));
	struct stream *s;

	open->identity.user = mem_strdup("alice");
	open->identity.user_len = 5;
	s = stream_new(fd, FCGI_NO_RECORDS, open);
	stream_open_free(open);
	return s;
}

/* Takes what is in the pipe; goes on until n bytes are there in all. */
static void drain(int fd, struct stream *s, struct buf *got, size_t n)
{
	char bytes[65536];
	ssize_t taken;

	while (got->len < n) {
		taken = read(fd, bytes, sizeof(bytes));
		assert_true(taken > 0);
		buf_append(got, bytes, (size_t)taken);
		assert_int_not_equal(stream_flush(s), STREAM_GONE);
	}
}

static void a_pipe_that_is_full_is_waited_for(void **state)
{
	size_t n = 300000; /* more than a pipe holds */
	char *text = text_of(n);
	struct frame *f = frame_new(1, 7, (struct span){text, n});
	struct stream *s;
	struct buf got;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	s = open_on(fds[1]);
	assert_int_equal(stream_send(s, &f, 1), STREAM_SENT_PART);
	assert_int_equal(stream_flush(s), STREAM_SENT_PART);
	buf_init(&got, 2 * n);
	drain(fds[0], s, &got, n);
	assert_int_equal(stream_flush(s), STREAM_SENT);
	assert_int_equal(got.len, n);
	assert_memory_equal(got.data, text, n);
	assert_int_equal(s->cursor, 7);
	buf_fini(&got);
	stream_free(s);
	close(fds[0]);
	frame_unref(f);
	free(text);
}

static void a_pipe_that_nobody_reads_is_gone(void **state)
{
	struct frame *f = frame_new(1, 7, SPAN("event"));
	struct stream *s;
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as the loop does */
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	s = open_on(fds[1]);
	close(fds[0]);
	assert_int_equal(stream_send(s, &f, 1), STREAM_GONE);
	stream_free(s);
	frame_unref(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_are_taken_off),
	    cmocka_unit_test(what_is_plain_stays_as_it_is),
	    cmocka_unit_test(the_end_of_a_cgi_response_is_nothing),
	    cmocka_unit_test(a_pipe_that_is_full_is_waited_for),
	    cmocka_unit_test(a_pipe_that_nobody_reads_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
