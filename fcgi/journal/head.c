/*
 * head: the file's layout, and why a kill in the middle of a store does
 * no harm: id and nonce go to one of two slots, and only then `turn` says which
 * of the two holds.
 *
 * As a rule the watcher has read a row first, and the others find the mark high
 * enough.  When it is stopped they raise it themselves, one at a time: under a
 * second lock.  Who does not get that at once tries a few times and then leaves
 * it (its holder may be stopped): the mark is lower than it could be until the
 * next row.
 */
#include "journal/head.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/boot.h"
#include "lib/mapfile.h"
#include "lib/mem.h"

#define LOCK_WATCHER 0
#define LOCK_STORE   1
#define STORE_TRIES  100

_Static_assert(JOURNAL_HEAD_TEXT_BYTES == BOOT_ID_BYTES,
	       "one copies the other");

struct layout {
	_Atomic uint32_t written; /* 0: nothing is said here yet */
	char boot_id[JOURNAL_HEAD_TEXT_BYTES];
	char epoch[JOURNAL_HEAD_TEXT_BYTES];
	_Atomic uint64_t turn;
	struct {
		_Atomic int64_t id, nonce;
	} slot[2];
	_Atomic int64_t read_ns;
};

static const struct mapfile_form form = {"head-1", sizeof(struct layout)};

struct journal_head {
	struct mapfile *file;
	struct layout *map;
};

static int open_as(enum mapfile_mode mode, struct journal_head **out,
		   const char *database, struct err *err)
{
	struct mapfile *file;

	if (mapfile_open(&file, database, &form, mode, err) < 0)
		return -1;
	*out = mem_new(sizeof(**out));
	(*out)->file = file;
	(*out)->map = mapfile_data(file);
	return 0;
}

int journal_head_open(struct journal_head **out, const char *database,
		      struct err *err)
{
	return open_as(MAPFILE_SHARE, out, database, err);
}

int journal_head_look(struct journal_head **out, const char *database,
		      struct err *err)
{
	return open_as(MAPFILE_LOOK, out, database, err);
}

void journal_head_close(struct journal_head *h)
{
	if (!h)
		return;
	mapfile_close(h->file);
	free(h);
}

bool journal_head_lost(const struct journal_head *h)
{
	return mapfile_lost(h->file);
}

bool journal_head_lock(struct journal_head *h)
{
	return mapfile_lock(h->file, LOCK_WATCHER);
}

static void copy_text(char *out, const char *in)
{
	memcpy(out, in, JOURNAL_HEAD_TEXT_BYTES);
	out[JOURNAL_HEAD_TEXT_BYTES - 1] = '\0';
}

bool journal_head_read(const struct journal_head *h, struct journal_mark *out)
{
	uint64_t turn;

	if (!atomic_load(&h->map->written))
		return false;
	turn = atomic_load(&h->map->turn);
	out->id = h->map->slot[turn & 1].id;
	out->nonce = h->map->slot[turn & 1].nonce;
	copy_text(out->epoch, h->map->epoch);
	copy_text(out->boot_id, h->map->boot_id);
	return true;
}

static bool begin_store(struct journal_head *h)
{
	for (int i = 0; i < STORE_TRIES; i++) {
		if (mapfile_lock(h->file, LOCK_STORE))
			return true;
		sched_yield();
	}
	return false;
}

static bool is_behind(const struct journal_head *h, const char *epoch,
		      int64_t id)
{
	uint64_t turn = atomic_load(&h->map->turn);

	return atomic_load(&h->map->slot[turn & 1].id) < id &&
	       strncmp(h->map->epoch, epoch, JOURNAL_HEAD_TEXT_BYTES) == 0;
}

static void put(struct journal_head *h, int64_t id, int64_t nonce)
{
	uint64_t turn = atomic_load(&h->map->turn) + 1;

	h->map->slot[turn & 1].id = id;
	h->map->slot[turn & 1].nonce = nonce;
	atomic_store(&h->map->turn, turn);
}

void journal_head_store(struct journal_head *h, const char *epoch, int64_t id,
			int64_t nonce)
{
	if (!is_behind(h, epoch, id) || !begin_store(h))
		return;
	if (is_behind(h, epoch, id))
		put(h, id, nonce);
	mapfile_unlock(h->file, LOCK_STORE);
}

void journal_head_reset(struct journal_head *h, const struct journal_mark *mark)
{
	bool locked = begin_store(h);

	copy_text(h->map->boot_id, mark->boot_id);
	copy_text(h->map->epoch, mark->epoch);
	put(h, mark->id, mark->nonce);
	atomic_store(&h->map->written, 1);
	if (locked)
		mapfile_unlock(h->file, LOCK_STORE);
}

void journal_head_set_read_ns(struct journal_head *h, int64_t now_ns)
{
	atomic_store(&h->map->read_ns, now_ns);
}

int64_t journal_head_read_ns(const struct journal_head *h)
{
	return atomic_load(&h->map->read_ns);
}
