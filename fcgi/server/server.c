/*
 * server: building the objects, accepting, keeping house, stopping in reverse.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "config/config.h"
#include "journal/journal.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/systemd.h"
#include "server/internal.h"
#include "server/sandbox.h"
#include "shared/limit.h"
#include "shared/metrics.h"
#include "shared/registry.h"
#include "stream/hub.h"

#define NS_PER_MS	 INT64_C(1000000)
#define ACCEPTS_PER_TURN 64
#define OWN_DESCRIPTORS	 128
#define ACCEPT_PAUSE_MS	 100
#define SWEEP_MS	 1000
#define DRAIN_MAX_MS	 3000 /* mod_fcgid kills after 8 s */
#define TRIM_AFTER	 500  /* connections */
#define GROUP_MAX	 64   /* requests that share a commit */
/* A commit of another connection empties a reader's cache, so a large one only
 * holds memory: of 5,000 sessions that were looked up each of four workers kept
 * 1.4 MiB.  The writer's holds what a transaction changes. */
#define READER_CACHE_KIB 128

/* ---- accepting ---- */

static void listen_ready(struct loop_io *io, uint32_t events)
{
	struct server *server = CONTAINER_OF(io, struct server, listen_io);

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd =
		    /* cppcheck-suppress nullPointer ; its name is not asked */
		    accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			conn_accept(server, fd);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* No descriptor left: the peer stays in the queue, and we do
		 * not spin. */
		log_warn("accept", "detail=\"%s\" pause_ms=%d", strerror(errno),
			 ACCEPT_PAUSE_MS);
		loop_change(server->loop, io, 0);
		loop_timer_set(server->loop, &server->accept_timer,
			       loop_now_ns(server->loop) +
				   ACCEPT_PAUSE_MS * NS_PER_MS);
		return;
	}
}

static void accept_again(struct loop_timer *timer)
{
	struct server *server =
	    CONTAINER_OF(timer, struct server, accept_timer);

	loop_change(server->loop, &server->listen_io, EPOLLIN);
}

/* ---- time and signals ---- */

static void log_rows_found(struct server *server)
{
	struct journal *j = hub_journal(server->hub);

	log_info("rows-found",
		 "inotify=%" PRIu64 " recheck=%" PRIu64 " tick=%" PRIu64
		 " own=%" PRIu64 " watcher=%" PRIu64 " position=%" PRId64
		 " streams=%u",
		 journal_found(j, JOURNAL_BY_INOTIFY),
		 journal_found(j, JOURNAL_BY_RECHECK),
		 journal_found(j, JOURNAL_BY_TICK),
		 journal_found(j, JOURNAL_BY_OWN),
		 journal_found(j, JOURNAL_BY_WATCHER), journal_position(j),
		 hub_streams(server->hub));
}

static void stop_if_done(struct server *server)
{
	if ((server->draining || server->single) && !server->conn_count &&
	    !hub_streams(server->hub) && !upkeep_busy(server) &&
	    !sessions_busy(server))
		loop_stop(server->loop);
}

/* CGI, mod_fcgid: a hundred streams are a hundred processes. */
static bool one_at_a_time(const struct config *config)
{
	return config->host != CONFIG_HOST_ANY;
}

/* A thousand requests at once leave holes between the streams that came of
 * them, which malloc keeps: give whole pages back when it is quiet again.  A
 * process that has one stream gives back all that it does not need while it
 * waits. */
static void trim(struct server *server)
{
	if (server->conn_count)
		return;
	if (one_at_a_time(server->config)
		? !journal_shrink(hub_journal(server->hub))
		: server->accepted < TRIM_AFTER)
		return;
	server->accepted = 0;
	mem_give_back();
	log_debug("memory", "detail=\"given back until it is needed\"");
}

/* The journal's connection was closed, perhaps because -shm was removed: it is
 * only all of them together that can let go of the old one. */
static void let_go(struct server *server)
{
	if (journal_db(hub_journal(server->hub)))
		return;
	workers_let_go(server->workers);
	workers_let_go(server->writer);
	workers_let_go(server->checkpointer);
}

static void sweep(struct loop_timer *timer)
{
	struct server *server = CONTAINER_OF(timer, struct server, sweep_timer);

	loop_timer_set(server->loop, timer,
		       loop_now_ns(server->loop) + SWEEP_MS * NS_PER_MS);
	conn_sweep(server, loop_now_ns(server->loop));
	trim(server);
	metrics_tick(server->metrics);
	limit_tick(server->limits);
	metrics_add(server->metrics, METRIC_LOG_DROPPED,
		    log_dropped() - server->log_dropped);
	server->log_dropped = log_dropped();
	let_go(server);
}

static void drain_over(struct loop_timer *timer)
{
	loop_stop(CONTAINER_OF(timer, struct server, drain_timer)->loop);
}

static void drain(struct server *server)
{
	if (server->draining)
		return;
	server->draining = true;
	systemd_notify("STOPPING=1");
	if (!server->single) /* Apache ends each CGI process this way */
		log_info("drain", "streams=%u connections=%u",
			 hub_streams(server->hub), server->conn_count);
	registry_drain(server->registry);
	loop_unwatch(server->loop, &server->listen_io);
	loop_timer_stop(server->loop, &server->accept_timer);
	sessions_stop(server);
	upkeep_stop(server);
	conn_drop_idle(server);
	hub_drain(server->hub);
	loop_timer_set(server->loop, &server->drain_timer,
		       loop_now_ns(server->loop) + DRAIN_MAX_MS * NS_PER_MS);
}

static void on_signal(void *context, int signo)
{
	struct server *server = context;

	if (signo == SIGTERM || signo == SIGINT)
		drain(server);
	else if (signo == SIGUSR1)
		log_rows_found(server);
}

static void turn_ends(struct loop_hook *hook)
{
	stop_if_done(CONTAINER_OF(hook, struct server, hook));
}

/* ---- life ---- */

/* A stream is a descriptor.  Too few are no reason not to start: the rest waits
 * in the queue of connections. */
static void raise_open_files(const struct config *config)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < config->max_streams + OWN_DESCRIPTORS &&
	    config->host == CONFIG_HOST_ANY)
		log_warn("descriptors",
			 "limit=%llu max_streams=%u detail=\"fewer streams "
			 "than that fit; raise the hard limit of open files\"",
			 (unsigned long long)limit.rlim_max,
			 config->max_streams);
}

static void start_timer(struct server *server, struct loop_timer *timer,
			void (*fire)(struct loop_timer *timer))
{
	timer->fire = fire;
	loop_timer_set(server->loop, timer,
		       loop_now_ns(server->loop) + SWEEP_MS * NS_PER_MS);
}

static int build(struct server *server, struct err *err)
{
	const bool one_request = one_at_a_time(server->config);
	struct metrics *metrics = metrics_new(server->config->database);
	struct limits *limits = limit_new(server->config);
	struct workers_options readers = {
	    .threads = one_request ? 0 : server->config->workers,
	    .cache_kib = READER_CACHE_KIB,
	    .metrics = metrics,
	    .limits = limits};
	const struct workers_options writer = {.threads = 1,
					       .run_group = conn_write_group,
					       .group_max = GROUP_MAX,
					       .leave_checkpoints = true,
					       .metrics = metrics,
					       .limits = limits};
	const struct registry_options options = {
	    server->config->database, server->config->max_streams,
	    server->config->max_streams_per_user};

	server->metrics = metrics;
	server->limits = limits;
	metrics_tick(metrics);
	limit_tick(limits);
	server->registry = registry_new(&options);
	if (loop_open(&server->loop, err) < 0 ||
	    loop_on_signal(server->loop, on_signal, server, err) < 0)
		return -1;
	server->hub = hub_new(server->config, server->loop, server->registry);
	hub_share(server->hub, metrics);
	if (one_request)
		readers.journal = hub_journal(server->hub);
	/* One request may need none of it. */
	if (!server->single)
		hub_follow(server->hub);
	if (workers_start(&server->workers, &readers, server->config,
			  server->registry, err) < 0 ||
	    (!one_request &&
	     (checkpoint_start(server, err) < 0 ||
	      workers_start(&server->writer, &writer, server->config,
			    server->registry, err) < 0)))
		return -1;
	server->hook.run = turn_ends;
	loop_add_hook(server->loop, &server->hook);
	server->accept_timer.fire = accept_again;
	server->drain_timer.fire = drain_over;
	start_timer(server, &server->sweep_timer, sweep);
	upkeep_start(server);
	sessions_start(server);
	return 0;
}

static int start_listening(struct server *server, int listen_fd,
			   struct err *err)
{
	server->listen_io.ready = listen_ready;
	/* Whoever gave us the socket gave it blocking; several responders may
	 * race for one connection. */
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	return loop_watch(server->loop, &server->listen_io, listen_fd, EPOLLIN,
			  err);
}

/* In reverse: first the threads that post mail, then who receives it. */
static void take_apart(struct server *server)
{
	workers_stop(server->workers);
	workers_stop(server->writer);
	workers_stop(server->checkpointer);
	if (server->loop)
		loop_deliver_mail(server->loop);
	conn_close_all(server);
	if (server->hub && !server->single)
		log_rows_found(server);
	upkeep_free(server);
	sessions_free(server);
	hub_close(server->hub);
	loop_close(server->loop);
	registry_free(server->registry);
	metrics_free(server->metrics);
	limit_free(server->limits);
}

static struct server *new_server(const struct config *config)
{
	struct server *server;

	if (one_at_a_time(config)) {
		mem_keep_little();
		db_keep_little();
	}
	server = mem_new(sizeof(*server));
	server->config = config;
	server->listen_io.fd = -1;
	raise_open_files(config);
	loop_block_signals();
	return server;
}

int server_run(const struct config *config, int listen_fd, struct err *err)
{
	struct server *server = new_server(config);
	int result;

	sandbox_enter(config, listen_fd);
	result = build(server, err);
	if (result == 0)
		result = start_listening(server, listen_fd, err);
	if (result == 0) {
		log_info("start", "pid=%ld database=\"%s\"", (long)getpid(),
			 config->database);
		systemd_notify("READY=1");
		result = loop_run(server->loop, err);
	}
	take_apart(server);
	if (result == 0)
		log_info("stop", "pid=%ld", (long)getpid());
	free(server);
	return result;
}

int server_run_one(const struct config *config, struct fcgi_gather *request,
		   int fd, struct err *err)
{
	struct server *server = new_server(config);
	int result;

	server->single = true;
	sandbox_enter(config, -1);
	result = build(server, err);
	if (result == 0) {
		conn_answer(server, fd, request);
		result = loop_run(server->loop, err);
	} else {
		fcgi_gather_fini(request);
		close(fd);
	}
	take_apart(server);
	free(server);
	return result;
}
