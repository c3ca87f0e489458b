/*
 * tail_follow: the journal as `belfry tail` reads it.
 *
 * Like a stream it is a cursor: a wake-up only says that there may be rows
 * after it.  It wakes as the responder's journal does (see journal.c: first ask
 * whether a writer is between write and commit, then read), but over a
 * connection that only reads, and without the head file: who looks on must
 * neither become the process that watches for the others, nor start an epoch,
 * nor need the right to write.
 *
 * With --exec one event is read, its command runs to its end, then the next is
 * read: the journal is the queue, so a slow command costs no memory.
 */
#include "tool/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "config/value.h"
#include "inbox/store.h"
#include "journal/journal.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/dirwatch.h"
#include "lib/log.h"
#include "tool/internal.h"

#define TICK_NS	       INT64_C(1000000000)
#define TICK_BLIND_NS  INT64_C(200000000)
#define RECHECK_MIN_NS INT64_C(15000)
#define RECHECK_MAX_NS INT64_C(50000000)
#define PAGE_ROWS      500
#define PAGE_BYTES     (256u * 1024) /* then a page ends */
#define OUT_MAX_BYTES  (PAGE_BYTES + 2 * NOTIFICATION_STREAM_MAX_BYTES)
#define AT_COLUMN      (JOURNAL_NONCE_COLUMN + 1 + NOTIFICATION_COLUMNS)

struct tail {
	struct cmd *cmd;
	const struct tail_options *options;
	struct loop *loop;
	struct dirwatch *watch; /* NULL: polling */
	struct loop_io watch_io;
	struct loop_timer tick, recheck;
	struct loop_hook hook;
	struct tail_child child;

	int64_t cursor, nonce; /* the last row … */
	bool anchored;	       /* … which was read, not only named */
	bool due, check_identity;
	int64_t woken_ns, period_ns;
	struct buf out; /* what is to be printed, or the command's input */
	struct err *err;
	bool failed; /* err says why */
};

static void fail(struct tail *t)
{
	t->failed = true;
	loop_stop(t->loop);
}

static void wake(struct tail *t)
{
	t->due = true;
	loop_again(t->loop);
}

/* ---- reading ---- */

static int stand_at_end(struct tail *t, struct err *err)
{
	struct db_stmt *row;
	int result;

	if (db_query(t->cmd->db, DB_TOOL_TAIL_END, &row, err) < 0)
		return -1;
	result = db_step(row, err);
	if (result < 0)
		return -1;
	t->anchored = result > 0;
	t->cursor = result ? db_int(row, 0) : 0;
	t->nonce = result ? db_int(row, 1) : 0;
	db_reset(row);
	return 0;
}

/* The row that the cursor stands on is gone or another one. */
static int start_over(struct tail *t, struct err *err)
{
	int64_t lost = t->cursor;

	if (stand_at_end(t, err) < 0)
		return -1;
	log_warn("journal-rewritten",
		 "detail=\"event %" PRId64 " is not there any more\" "
		 "position=%" PRId64,
		 lost, t->cursor);
	return 0;
}

static bool page_is_full(const struct tail *t)
{
	return t->out.len > (t->options->command ? 0 : PAGE_BYTES);
}

static void take_row(struct tail *t, struct db_stmt *stmt)
{
	struct span user = t->options->user;
	struct journal_row row;

	journal_row_from(&row, stmt);
	t->cursor = row.id;
	t->nonce = db_int(stmt, JOURNAL_NONCE_COLUMN);
	t->anchored = true;
	if (user.data && !span_equal(row.user_id, user) &&
	    !span_equal_text(row.user_id, NOTIFICATION_EVERYONE))
		return;
	tail_put_row(&t->out, &row, db_int(stmt, AT_COLUMN), t->options->form);
}

/* 1: more may follow, 0: this was the end, -1. */
static int read_page(struct tail *t, struct err *err)
{
	struct db_stmt *stmt;
	int rows = 0, rc;

	if (db_query(t->cmd->db, DB_TOOL_TAIL, &stmt, err) < 0)
		return -1;
	db_bind_int(stmt, ":from", t->anchored ? t->cursor : t->cursor + 1);
	db_bind_int(stmt, ":limit", PAGE_ROWS + 1);
	db_bind_int(stmt, ":now", clock_wall_ms());
	rc = t->anchored ? db_step(stmt, err) : 1;
	if (rc < 0)
		return -1;
	if (t->anchored && (rc == 0 || db_int(stmt, 0) != t->cursor ||
			    db_int(stmt, JOURNAL_NONCE_COLUMN) != t->nonce)) {
		db_reset(stmt);
		return start_over(t, err);
	}
	while ((rc = db_step(stmt, err)) > 0) {
		take_row(t, stmt);
		if (page_is_full(t) || ++rows == PAGE_ROWS)
			break;
	}
	db_reset(stmt);
	return rc;
}

/* The file under the path is another one now: go on with that. */
static int open_again(struct tail *t, struct err *err)
{
	db_close(t->cmd->db);
	t->cmd->db = NULL;
	if (cmd_open_database(t->cmd, CMD_READ, err) < 0)
		return -1;
	log_warn("database-replaced", "path=%s", t->cmd->path);
	return 0;
}

/* ---- what is done with it ---- */

static int deliver(struct tail *t, struct err *err)
{
	struct span out = buf_span(&t->out);
	int result = 0;

	if (!out.len)
		return 0;
	if (t->options->command)
		result = tail_child_start(&t->child, t->options->command,
					  t->cursor, out, err);
	else if (fwrite(out.data, 1, out.len, stdout) != out.len ||
		 fflush(stdout) != 0)
		result = err_set_errno(err, "standard output");
	buf_reset(&t->out);
	return result;
}

/* After a wake-up that found a writer at work: look again soon, and less often
 * the longer it takes. */
static void schedule_recheck(struct tail *t, bool again)
{
	int64_t now = clock_mono_ns(), wait = (now - t->woken_ns) / 4;

	loop_timer_stop(t->loop, &t->recheck);
	if (!again)
		return;
	if (wait < RECHECK_MIN_NS)
		wait = RECHECK_MIN_NS;
	if (wait > RECHECK_MAX_NS)
		wait = RECHECK_MAX_NS;
	loop_timer_set(t->loop, &t->recheck, now + wait);
}

/* The turn's read: one page, unless a command is still busy with the last. */
static void run(struct loop_hook *hook)
{
	struct tail *t = CONTAINER_OF(hook, struct tail, hook);
	struct err err = {ERR_OK, ""};
	int external, rc;

	if (!t->due || t->failed || t->child.pid)
		return;
	t->due = false;
	rc =
	    t->check_identity && db_moved(t->cmd->db) ? open_again(t, &err) : 0;
	t->check_identity = false;
	external = rc < 0 ? 0 : db_external_reader(t->cmd->db);
	if (rc == 0)
		rc = read_page(t, &err);
	if ((rc < 0 && err.code != ERR_BUSY) || deliver(t, &err) < 0) {
		*t->err = err;
		fail(t);
		return;
	}
	if (rc > 0)
		wake(t);
	else
		schedule_recheck(t, rc < 0 || external > 0);
}

static void command_ended(struct tail_child *child)
{
	wake(CONTAINER_OF(child, struct tail, child));
}

/* ---- what wakes it ---- */

static void watch_ready(struct loop_io *io, uint32_t events)
{
	struct tail *t = CONTAINER_OF(io, struct tail, watch_io);
	unsigned what = dirwatch_read(t->watch);

	(void)events;
	if (!what)
		return;
	if (what & (DIRWATCH_NAMES | DIRWATCH_LOST))
		t->check_identity = true;
	t->woken_ns = loop_now_ns(t->loop);
	wake(t);
}

static void open_watch(struct tail *t)
{
	struct err err = {ERR_OK, ""};

	loop_unwatch(t->loop, &t->watch_io);
	dirwatch_close(t->watch);
	t->watch = NULL;
	t->period_ns = TICK_BLIND_NS;
	if (dirwatch_open(&t->watch, t->cmd->path, &err) < 0 ||
	    loop_watch(t->loop, &t->watch_io, dirwatch_fd(t->watch), EPOLLIN,
		       &err) < 0)
		log_warn("inotify-unavailable", "detail=\"%s\"", err.message);
	else if (!dirwatch_blind(t->cmd->path))
		t->period_ns = TICK_NS;
}

static void recheck(struct loop_timer *timer)
{
	wake(CONTAINER_OF(timer, struct tail, recheck));
}

static void tick(struct loop_timer *timer)
{
	struct tail *t = CONTAINER_OF(timer, struct tail, tick);

	if (t->watch && dirwatch_gone(t->watch))
		open_watch(t);
	t->check_identity = true;
	t->woken_ns = loop_now_ns(t->loop);
	wake(t);
	loop_timer_set(t->loop, timer, t->woken_ns + t->period_ns);
}

static void stop(void *context, int signo)
{
	struct tail *t = context;

	(void)signo;
	loop_stop(t->loop);
}

/* ---- from where ---- */

static int set_cursor(struct tail *t, struct err *err)
{
	const char *from = t->options->from;
	struct store_head head;

	if (!from)
		return stand_at_end(t, err);
	if (store_head(t->cmd->db, &head, err) < 0)
		return -1;
	if (strcmp(from, "earliest") == 0) {
		t->cursor = head.floor;
		return 0;
	}
	if (config_parse_count(from, &t->cursor) < 0 || t->cursor > head.seq)
		return err_set(err, ERR_USAGE,
			       "--from: expected earliest or an event id up to "
			       "%" PRId64 ", found \"%s\"",
			       head.seq, from);
	if (t->cursor < head.floor)
		log_warn("pruned",
			 "detail=\"events up to %" PRId64
			 " are not there any more\"",
			 head.floor);
	return 0;
}

int tail_follow(struct cmd *cmd, const struct tail_options *options,
		struct err *err)
{
	struct tail t = {
	    .cmd = cmd,
	    .options = options,
	    .err = err,
	    .watch_io = {-1, 0, watch_ready},
	    .tick.fire = tick,
	    .recheck.fire = recheck,
	    .hook.run = run,
	};
	int result = -1;

	buf_init(&t.out, OUT_MAX_BYTES);
	loop_block_signals();
	if (loop_open(&t.loop, err) < 0)
		goto out;
	tail_child_init(&t.child, t.loop, command_ended);
	loop_add_hook(t.loop, &t.hook);
	open_watch(&t); /* before the first read */
	loop_timer_set(t.loop, &t.tick, clock_mono_ns());
	if (loop_on_signal(t.loop, stop, &t, err) == 0 &&
	    set_cursor(&t, err) == 0 && loop_run(t.loop, err) == 0)
		result = t.failed ? -1 : 0;
	tail_child_stop(&t.child);
	loop_unwatch(t.loop, &t.watch_io);
	dirwatch_close(t.watch);
	loop_close(t.loop);
out:
	buf_fini(&t.out);
	return result;
}
