/*
 * epoch: is history still what clients were told, and what if not.
 *
 * The head file remembers the last row handed out (id and nonce), the epoch,
 * and the boot.  A row that is missing or different there means that the
 * database was restored, replaced, or thrown back: cursors of clients may point
 * at ids that will be given again to other rows.  So a new epoch moves the
 * sequence above every id ever handed out, raises the floor to it, and writes
 * one row above: every older cursor is then pruned, whoever holds it.
 *
 * A new boot may follow a power loss, which at synchronous=NORMAL takes back
 * commits whose ids were already seen, and the head file itself may be older
 * than what was seen.  Nobody knows by how much: the sequence moves by a
 * million.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "journal/internal.h"
#include "lib/boot.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/db.h"
#include "lib/log.h"

#define BOOT_STEP INT64_C(1000000)
/* Workers answer with ids of their own snapshot, which may be newer than the
 * mark by a few when the process is killed. */
#define MARGIN INT64_C(1000)

struct state {
	int64_t floor, seq; /* journal_head */
	char epoch[JOURNAL_HEAD_TEXT_BYTES];
	int64_t last_id, last_nonce; /* newest row; 0: none */
};

static int read_state(struct db *db, struct state *state, struct err *err)
{
	struct db_stmt *s;
	struct span epoch;
	int rc;

	memset(state, 0, sizeof(*state));
	if (db_query(db, DB_JOURNAL_HEAD, &s, err) < 0)
		return -1;
	rc = db_step(s, err);
	if (rc < 0)
		return -1;
	state->floor = db_int(s, 0);
	state->seq = db_int(s, 1);
	epoch = db_text(s, 2);
	snprintf(state->epoch, sizeof(state->epoch), "%.*s", (int)epoch.len,
		 epoch.data ? epoch.data : "");
	db_reset(s);
	if (db_query(db, DB_JOURNAL_LAST, &s, err) < 0)
		return -1;
	rc = db_step(s, err);
	if (rc > 0) {
		state->last_id = db_int(s, 0);
		state->last_nonce = db_int(s, 1);
	}
	db_reset(s);
	return rc < 0 ? -1 : 0;
}

/* 1: the row is there as it was seen, 0: not, -1. */
static int row_is_same(struct db *db, int64_t id, int64_t nonce,
		       struct err *err)
{
	struct db_stmt *s;
	int rc;

	if (db_query(db, DB_JOURNAL_ROW_AT, &s, err) < 0)
		return -1;
	db_bind_int(s, ":id", id);
	rc = db_step(s, err);
	if (rc > 0)
		rc = db_int(s, 0) == nonce;
	db_reset(s);
	return rc;
}

static int run_bound(struct db *db, enum db_query query, const char *name,
		     int64_t value, struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, query, &s, err) < 0)
		return -1;
	if (name)
		db_bind_int(s, name, value);
	return db_run(s, err);
}

static int set_epoch(struct db *db, const char *epoch, struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, DB_EPOCH_SET, &s, err) < 0)
		return -1;
	db_bind_text(s, ":epoch", span_of(epoch));
	return db_run(s, err);
}

static void random_epoch(char out[static JOURNAL_HEAD_TEXT_BYTES])
{
	unsigned char bytes[16];

	crypto_random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void stand_at_end(struct journal *j, const struct state *state)
{
	j->position = state->last_id;
	j->nonce = state->last_nonce;
	snprintf(j->epoch, sizeof(j->epoch), "%s", state->epoch);
	j->settled = true;
}

void journal_write_mark(struct journal *j)
{
	struct journal_mark mark, now = {.id = j->position, .nonce = j->nonce};

	if (!j->watcher)
		return;
	memcpy(now.epoch, j->epoch, sizeof(now.epoch));
	boot_id(now.boot_id);
	/* Another process has handed out more, of this epoch, or of one that
	 * we have yet to read of. */
	if (journal_head_read(j->head, &mark) && mark.id > now.id &&
	    boot_same(mark.boot_id, now.boot_id))
		return;
	journal_head_reset(j->head, &now);
}

/* Within a write transaction. */
static int write_epoch(struct journal *j, int64_t above, struct err *err)
{
	char epoch[JOURNAL_HEAD_TEXT_BYTES];
	struct state state;
	int64_t floor;

	if (read_state(j->db, &state, err) < 0)
		return -1;
	/* Two processes saw the same; the other one was first, and what it
	 * began is above all that we have handed out. */
	if (j->settled && strcmp(state.epoch, j->epoch) != 0 &&
	    state.floor > above) {
		stand_at_end(j, &state);
		return 0;
	}
	floor = (state.seq > above ? state.seq : above) + MARGIN;
	random_epoch(epoch);
	if (set_epoch(j->db, epoch, err) < 0 ||
	    run_bound(j->db, DB_EPOCH_RAISE_SEQUENCE, ":seq", floor, err) < 0 ||
	    run_bound(j->db, DB_EPOCH_FLOOR, ":seq", floor, err) < 0 ||
	    run_bound(j->db, DB_EPOCH_ROW, NULL, 0, err) < 0 ||
	    read_state(j->db, &state, err) < 0)
		return -1;
	stand_at_end(j, &state);
	return 0;
}

static int new_epoch(struct journal *j, int64_t above, const char *why,
		     struct err *err)
{
	struct journal before = *j;

	if (db_begin_write(j->db, err) < 0)
		return -1;
	if (write_epoch(j, above, err) < 0) {
		db_rollback(j->db);
		goto fail;
	}
	if (db_commit(j->db, err) < 0)
		goto fail;
	journal_write_mark(j);
	log_warn("new-epoch", "why=\"%s\" position=%" PRId64, why, j->position);
	return 0;
fail:
	j->position = before.position;
	j->nonce = before.nonce;
	memcpy(j->epoch, before.epoch, sizeof(j->epoch));
	j->settled = before.settled;
	return -1;
}

int journal_start_over(struct journal *j, struct err *err)
{
	struct state state;
	bool same;

	if (read_state(j->db, &state, err) < 0)
		return -1;
	same = strcmp(state.epoch, j->epoch) == 0;
	/* Our own place was pruned away: nothing was rewritten.  Or another
	 * process has begun a new epoch above all that we have handed out: a
	 * hundred of them need not wait for the write lock to find that out. */
	if (state.floor >= j->position + !same && state.last_id > j->position)
		stand_at_end(j, &state);
	else if (new_epoch(j, j->position, "history was rewritten", err) < 0)
		return -1;
	j->rewritten = false;
	j->wake_all = true;
	j->sink->rewritten(j->sink, j->position);
	return 0;
}

/* Was this database served before, by somebody whose head file is gone? */
static int was_served(struct db *db, struct err *err)
{
	struct db_stmt *s;
	int rc;

	if (db_query(db, DB_META_GET, &s, err) < 0)
		return -1;
	db_bind_text(s, ":key", SPAN("served"));
	rc = db_step(s, err);
	db_reset(s);
	return rc;
}

static int note_served(struct db *db, struct err *err)
{
	struct db_stmt *s;

	if (db_query(db, DB_META_SET, &s, err) < 0)
		return -1;
	db_bind_text(s, ":key", SPAN("served"));
	db_bind_text(s, ":value", SPAN("1"));
	return db_run(s, err);
}

/* First opening in this process: compare with what the head file remembers.
 * 1: as it was, 0: not (*why says it, *above the highest id known), -1. */
static int compare_with_mark(struct journal *j, const struct state *state,
			     const char **why, int64_t *above, struct err *err)
{
	char boot[BOOT_ID_BYTES];
	struct journal_mark mark;
	int rc;

	if (!journal_head_read(j->head, &mark)) {
		*why = "the head file is missing";
		*above = state->seq;
		rc = was_served(j->db, err);
		if (rc == 0 && note_served(j->db, err) < 0)
			rc = -1;
		return rc < 0 ? -1 : !rc;
	}
	*above = mark.id;
	boot_id(boot);
	if (!boot_same(boot, mark.boot_id)) {
		*why = "the machine was restarted";
		*above =
		    (mark.id > state->seq ? mark.id : state->seq) + BOOT_STEP;
		return 0;
	}
	*why = "another database, or one restored from a backup";
	if (mark.id == 0)
		return 1;
	if (strcmp(state->epoch, mark.epoch) != 0)
		return 0;
	rc = row_is_same(j->db, mark.id, mark.nonce, err);
	if (rc == 0 && state->floor >= mark.id && state->seq > mark.id)
		rc = 1; /* pruned while we were away */
	return rc;
}

int journal_settle(struct journal *j, struct err *err)
{
	const char *why = NULL;
	struct state state;
	int64_t above = 0;
	int rc;

	/* Opened again: the next read compares with our own anchor. */
	if (j->settled) {
		if (read_state(j->db, &state, err) < 0)
			return -1;
		if (strcmp(state.epoch, j->epoch) != 0)
			j->rewritten = true;
		return 0;
	}
	if (read_state(j->db, &state, err) < 0)
		return -1;
	rc = j->watcher ? compare_with_mark(j, &state, &why, &above, err) : 1;
	if (rc < 0)
		return -1;
	if (rc == 0)
		return new_epoch(j, above, why, err);
	stand_at_end(j, &state);
	journal_write_mark(j);
	return 0;
}

int journal_take_epoch(struct journal *j, struct err *err)
{
	struct state state;

	if (read_state(j->db, &state, err) < 0)
		return -1;
	memcpy(j->epoch, state.epoch, sizeof(j->epoch));
	journal_write_mark(j);
	return 0;
}
