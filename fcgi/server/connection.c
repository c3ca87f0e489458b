/*
 * connection: one request on one connection, as a machine of three states.
 *
 *   READING --complete--> WORKING --mail--> WRITING --all written--> closed
 *                                 \--mail--> a stream of the hub's
 *
 * A peer is never waited for: reading and writing take what is possible now.
 * The deadline for reading is for the whole request, so that a byte now and
 * then does not prolong it; for writing it is for the next byte, as an honest
 * reader may be slow.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "api/api.h"
#include "auth/auth.h"
#include "config/config.h"
#include "journal/journal.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/peer.h"
#include "server/internal.h"
#include "shared/metrics.h"
#include "stream/hub.h"

#define READ_MAX_NS	INT64_C(30000000000)
#define WRITE_MAX_NS	INT64_C(60000000000)
#define WRITER_WAITS_NS 50000000 /* after this long without a commit */
/* Of all requests together; a small one is always taken. */
#define BODIES_MAX_BYTES (64u * 1024 * 1024)
#define BODY_SMALL_BYTES (16u * 1024)
#define OUT_MAX		 (ANSWER_MAX_BYTES + ANSWER_MAX_BYTES / 64)

static void forget_conn(struct loop_deferred *deferred)
{
	struct conn *c = CONTAINER_OF(deferred, struct conn, deferred);
	struct server *server = c->server;

	DL_DELETE(server->conns, c);
	server->conn_count--;
	fcgi_gather_fini(&c->gather);
	answer_fini(&c->answer);
	buf_fini(&c->out);
	free(c);
}

/* The connection is done with; its descriptor may have moved on. */
static void retire(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_DEAD;
	c->server->body_bytes -= c->body_bytes;
	loop_unwatch(c->server->loop, &c->io);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->deferred.run = forget_conn;
	loop_defer(c->server->loop, &c->deferred);
	if (c->server->single) /* the end of the process waits for it */
		loop_again(c->server->loop);
}

/* ---- in a worker ---- */

static void deliver(struct loop_mail *mail);

static void answered(struct conn *c)
{
	request_free(c->request);
	c->request = NULL;
	metrics_add(c->server->metrics,
		    METRIC_ANSWER + (unsigned)c->answer.status / 100 - 1, 1);
	if (!c->answer.open) {
		buf_init(&c->out, OUT_MAX);
		fcgi_put_stdout(&c->out, c->request_id,
				buf_span(&c->answer.bytes));
		fcgi_put_end(&c->out, c->request_id);
		buf_fini(&c->answer.bytes);
	}
	c->mail.deliver = deliver;
	loop_post(c->server->loop, &c->mail);
}

/* What can't even be read has no id of its own.  Of what is too large here, the
 * body is not. */
static void answer_bad(struct answer *answer, const struct err *err)
{
	int status =
	    err->code == ERR_TOO_LARGE ? 431 : answer_status_of((int)err->code);
	char id[API_REQUEST_ID_BYTES];

	api_make_id(id);
	log_warn("bad-request", "id=%s status=%d detail=\"%s\"", id, status,
		 err->message);
	answer_header(answer, "X-Request-Id", id);
	answer_problem_status(answer, status, err);
}

/* False: it goes on to write. */
static bool answer_now(struct conn *c, struct api *api)
{
	struct err err;

	answer_init(&c->answer);
	c->request_id = c->gather.request_id;
	if (request_parse(&c->request, &c->gather, &err) < 0) {
		answer_bad(&c->answer, &err);
		return true;
	}
	c->exchange =
	    (struct api_exchange){.request = c->request, .answer = &c->answer};
	return api_handle(api, &c->exchange) == API_ANSWERED;
}

void conn_write_group(struct job *list, struct api *api)
{
	struct server *server = CONTAINER_OF(list, struct conn, job)->server;
	struct api_exchange *writes = NULL, **end = &writes, *after;
	struct job *next;

	/* A connection may be gone once it is answered. */
	for (struct job *job = list; job; job = next) {
		struct conn *c = CONTAINER_OF(job, struct conn, job);

		next = job->next;
		if (!c->request && answer_now(c, api)) {
			answered(c);
			continue;
		}
		*end = &c->exchange;
		end = &c->exchange.next;
	}
	if (!writes)
		return;
	api_write_group(api, writes);
	for (struct api_exchange *e = writes; e; e = after) {
		after = e->next;
		answered(CONTAINER_OF(e, struct conn, exchange));
	}
	checkpoint_after_commit(server, api);
}

static void work(struct job *job, struct api *api)
{
	struct conn *c = CONTAINER_OF(job, struct conn, job);

	if (answer_now(c, api))
		answered(c);
	else if (c->server->writer)
		workers_submit(c->server->writer, &c->job);
	else
		conn_write_group(job, api);
}

/* ---- back in the loop ---- */

static void expect(struct conn *c, uint32_t events)
{
	struct loop *loop = c->server->loop;

	if (c->io.fd >= 0)
		loop_change(loop, &c->io, events);
	else if (loop_watch(loop, &c->io, c->fd, events, NULL) < 0)
		retire(c);
}

static void write_out(struct conn *c)
{
	struct iovec iov;
	ssize_t n;

	while (c->out_offset < c->out.len) {
		iov.iov_base = c->out.data + c->out_offset;
		iov.iov_len = c->out.len - c->out_offset;
		n = peer_write(c->fd, &iov, 1);
		if (n == 0) {
			expect(c, EPOLLOUT);
			return;
		}
		if (n < 0)
			break;
		c->out_offset += (size_t)n;
		c->progress_ns = loop_now_ns(c->server->loop);
	}
	retire(c);
}

static void become_stream(struct conn *c)
{
	struct stream_open *open = c->answer.open;
	int fd = c->fd;

	c->answer.open = NULL;
	c->fd = -1;
	hub_adopt(c->server->hub, fd, c->request_id, open,
		  buf_span(&c->answer.bytes));
	retire(c);
}

static void write_ends(struct conn *c)
{
	struct server *server = c->server;
	struct journal *journal = hub_journal(server->hub);

	server->writes--;
	if (c->answer.wrote) {
		server->writer_heard_ns = loop_now_ns(server->loop);
		journal_own_commit(journal);
	}
	if (!server->writes)
		journal_listen(journal);
	else if (c->answer.wrote)
		journal_hush(journal);
}

static void deliver(struct loop_mail *mail)
{
	struct conn *c = CONTAINER_OF(mail, struct conn, mail);

	if (c->may_write)
		write_ends(c);
	c->state = CONN_WRITING;
	c->progress_ns = loop_now_ns(c->server->loop);
	if (c->answer.open)
		become_stream(c);
	else
		write_out(c);
}

/* To look for a session of the host application's may take long: it is in
 * another file. */
static bool may_ask_host(const struct conn *c)
{
	return c->server->config->session_query &&
	       !auth_is_bearer(
		   fcgi_gather_param(&c->gather, "HTTP_AUTHORIZATION"));
}

/* What may write is the writer's from the start: another thread to look at it
 * first would be one more to wake.  But where the writer waits for somebody
 * else's lock, who is to be refused does not have to wait with it; and nobody
 * waits for what one of them has to ask elsewhere. */
static struct workers *workers_for(struct conn *c)
{
	struct server *server = c->server;
	struct span method = fcgi_gather_param(&c->gather, "REQUEST_METHOD");
	int64_t now_ns = loop_now_ns(server->loop);

	c->may_write = !span_equal_text(method, "GET") &&
		       !span_equal_text(method, "HEAD") &&
		       !span_equal_text(method, "OPTIONS");
	if (!c->may_write)
		return server->workers;
	if (server->writes++ == 0) {
		server->writer_heard_ns = now_ns;
		journal_hush(hub_journal(server->hub));
	}
	if (!server->writer || may_ask_host(c) ||
	    now_ns - server->writer_heard_ns > WRITER_WAITS_NS)
		return server->workers;
	return server->writer;
}

static void request_complete(struct conn *c)
{
	c->state = CONN_WORKING;
	/* Who hangs up meanwhile is noticed by writing. */
	loop_unwatch(c->server->loop, &c->io);
	c->job.run = work;
	workers_submit(workers_for(c), &c->job);
}

/* Who sends a body need not have said who it is. */
static void count_body(struct conn *c)
{
	struct server *server = c->server;

	server->body_bytes += c->gather.body.len - c->body_bytes;
	c->body_bytes = c->gather.body.len;
	if (c->body_bytes <= BODY_SMALL_BYTES ||
	    server->body_bytes <= BODIES_MAX_BYTES)
		return;
	server->body_bytes -= c->body_bytes;
	c->body_bytes = 0;
	fcgi_gather_refuse_body(&c->gather);
}

static void read_some(struct conn *c)
{
	enum fcgi_gathered gathered;
	struct server *server = c->server;
	struct err err = {ERR_OK, ""};
	ssize_t n = recv(c->fd, server->read_buf, sizeof(server->read_buf),
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		expect(c, EPOLLIN);
		return;
	}
	if (n <= 0) {
		retire(c);
		return;
	}
	gathered =
	    fcgi_gather_feed(&c->gather, server->read_buf, (size_t)n, &err);
	count_body(c);
	switch (gathered) {
	case FCGI_MORE:
		expect(c, EPOLLIN);
		return;
	case FCGI_COMPLETE:
		request_complete(c);
		return;
	case FCGI_BAD:
		log_warn("bad-request", "detail=\"%s\"", err.message);
		/* fall through */
	case FCGI_ABORTED:
		retire(c);
		return;
	}
}

static void conn_ready(struct loop_io *io, uint32_t events)
{
	struct conn *c = CONTAINER_OF(io, struct conn, io);

	switch (c->state) {
	case CONN_READING:
		read_some(c);
		return;
	case CONN_WRITING:
		if (events & EPOLLOUT)
			write_out(c);
		else
			retire(c);
		return;
	case CONN_WORKING:
	case CONN_DEAD:
		return;
	}
}

static struct conn *add_conn(struct server *server, int fd)
{
	struct conn *c = mem_new(sizeof(*c));

	c->server = server;
	c->fd = fd;
	c->io.fd = -1;
	c->io.ready = conn_ready;
	c->progress_ns = loop_now_ns(server->loop);
	DL_APPEND(server->conns, c);
	server->conn_count++;
	server->accepted++;
	return c;
}

void conn_accept(struct server *server, int fd)
{
	struct conn *c = add_conn(server, fd);

	fcgi_gather_init(&c->gather, API_BODY_MAX_BYTES);
	read_some(c); /* it is there already, as a rule */
}

void conn_answer(struct server *server, int fd, struct fcgi_gather *request)
{
	struct conn *c = add_conn(server, fd);

	c->gather = *request;
	fcgi_gather_init(request, 0);
	request_complete(c);
}

void conn_sweep(struct server *server, int64_t now_ns)
{
	struct conn *c;

	DL_FOREACH (server->conns, c) {
		int64_t silent = now_ns - c->progress_ns;

		if ((c->state == CONN_READING && silent > READ_MAX_NS) ||
		    (c->state == CONN_WRITING && silent > WRITE_MAX_NS))
			retire(c);
	}
}

void conn_drop_idle(struct server *server)
{
	struct conn *c;

	DL_FOREACH (server->conns, c)
		if (c->state == CONN_READING)
			retire(c);
}

void conn_close_all(struct server *server)
{
	struct conn *c;

	DL_FOREACH (server->conns, c)
		retire(c);
	if (server->loop)
		loop_run_deferred(server->loop);
}
