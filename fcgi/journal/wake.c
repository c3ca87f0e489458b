/*
 * wake: what leads to a read: inotify, the tick, a re-check, our own
 * commits, the process that watches for us.
 */
#include <sys/epoll.h>

#include "journal/internal.h"
#include "lib/clock.h"
#include "lib/db.h"
#include "lib/dirwatch.h"
#include "lib/err.h"
#include "lib/loop.h"

#define HUSH_NS	  2000000 /* a commit takes less, as a rule */
#define TICK_MS	  1000
#define NS_PER_MS 1000000

void journal_wake(struct journal *j, enum journal_cause cause)
{
	/* The tick is what remains when nothing else told of it. */
	if (!j->due || j->cause == JOURNAL_BY_TICK)
		j->cause = cause;
	if (cause != JOURNAL_BY_RECHECK)
		j->woken_ns = loop_now_ns(j->loop);
	j->due = true;
	loop_again(j->loop);
}

bool journal_take_watch(struct journal *j)
{
	unsigned what = j->watch ? dirwatch_read(j->watch) : 0;

	if (what & (DIRWATCH_NAMES | DIRWATCH_LOST))
		j->check_identity = true;
	return what != 0;
}

static void watch_ready(struct loop_io *io, uint32_t events)
{
	struct journal *j = CONTAINER_OF(io, struct journal, watch_io);

	(void)events;
	if (journal_take_watch(j))
		journal_wake(j, JOURNAL_BY_INOTIFY);
}

/* The next opening makes or finds another one. */
static void check_head(struct journal *j)
{
	struct err err;

	if (!j->head || !journal_head_lost(j->head))
		return;
	journal_close_head(j);
	if (j->db && journal_open_head(j, &err) < 0)
		journal_unusable(j, &err);
}

/* Is there nothing that we have to read ourselves at this tick?  What others
 * have committed is seen without the schema that was given back.  If there is
 * something, the watcher has until the next tick to read it too: then it has
 * woken us, if it concerned us.  So one that is stopped delays us by two ticks.
 */
static bool is_told(struct journal *j)
{
	int64_t version;

	if (!j->small || !j->db || j->due)
		return false;
	journal_try_watch(j);
	if (j->watcher || db_moved(j->db))
		return false;
	if (j->unsure_ns && journal_head_read_ns(j->head) < j->unsure_ns)
		return false;
	version = db_data_version(j->db);
	if (version < 0)
		return false;
	j->unsure_ns = version == j->version ? 0 : clock_mono_ns();
	j->version = version;
	return true;
}

static void tick(struct loop_timer *timer)
{
	struct journal *j = CONTAINER_OF(timer, struct journal, tick);
	int64_t period = j->blind ? TICK_BLIND_MS : TICK_MS;

	check_head(j);
	registry_set_watcher(j->registry, j->watcher);
	if (j->watcher)
		registry_reap(j->registry);
	if (!is_told(j)) {
		j->check_identity = true;
		journal_wake(j, j->recheck.due_ns ? JOURNAL_BY_RECHECK
						  : JOURNAL_BY_TICK);
	}
	loop_timer_set(j->loop, &j->tick,
		       loop_now_ns(j->loop) + period * NS_PER_MS);
}

static void recheck(struct loop_timer *timer)
{
	journal_wake(CONTAINER_OF(timer, struct journal, recheck),
		     JOURNAL_BY_RECHECK);
}

static void reopen(struct loop_timer *timer)
{
	struct journal *j = CONTAINER_OF(timer, struct journal, reopen);

	journal_open_database(j);
	journal_wake(j, JOURNAL_BY_RECHECK);
}

/* ---- our own commits ---- */

/* Each write of our own to the -wal would wake us before there is anything to
 * read, and take the CPU that the commit needs.  For no longer than that takes,
 * though: somebody else's commit may be told of there, too. */
void journal_hush(struct journal *j)
{
	/* To ask for no events would not do: inotify wakes who waits with epoll
	 * all the same. */
	loop_unwatch(j->loop, &j->watch_io);
	loop_timer_set(j->loop, &j->hush, loop_now_ns(j->loop) + HUSH_NS);
}

void journal_listen(struct journal *j)
{
	/* Should it be hushed again before the loop waits, what was told until
	 * here would be heard late. */
	if (j->hush.due_ns && !j->due && journal_take_watch(j))
		journal_wake(j, JOURNAL_BY_INOTIFY);
	loop_timer_stop(j->loop, &j->hush);
	if (!j->watch || j->watch_io.fd >= 0)
		return;
	if (loop_watch(j->loop, &j->watch_io, dirwatch_fd(j->watch), EPOLLIN,
		       NULL) < 0) /* no memory: again in a moment */
		journal_hush(j);
}

bool journal_is_heard(const struct journal *j)
{
	return j->watch_io.fd >= 0 || j->hush.due_ns;
}

static void hush_ends(struct loop_timer *timer)
{
	journal_listen(CONTAINER_OF(timer, struct journal, hush));
}

void journal_own_commit(struct journal *j)
{
	/* What was told until here is what is read now. */
	if (j->hush.due_ns && !j->due)
		journal_take_watch(j);
	journal_wake(j, JOURNAL_BY_OWN);
}

void journal_woken(struct journal *j, bool late)
{
	j->check_identity = true;
	journal_wake(j, late ? JOURNAL_BY_TICK : JOURNAL_BY_WATCHER);
}

void journal_missed(struct journal *j)
{
	j->wake_all = true;
	journal_woken(j, true);
}

void journal_wake_init(struct journal *j)
{
	j->watch_io = (struct loop_io){-1, 0, watch_ready};
	j->tick.fire = tick;
	j->recheck.fire = recheck;
	j->reopen.fire = reopen;
	j->hush.fire = hush_ends;
}
