/*
 * journal_head: the file's layout, and why a kill in the middle of a store does
 * no harm: id and nonce go to one of two slots, and only then `turn` says which
 * of the two holds.
 */
#include "journal_head.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mem.h"

static const char magic[8] = "BELFRY1";

struct layout {
	char magic[8];			       /* 0 */
	char boot_id[JOURNAL_HEAD_TEXT_BYTES]; /* 8 */
	char epoch[JOURNAL_HEAD_TEXT_BYTES];   /* 72 */
	_Atomic uint64_t turn;		       /* 136 */
	struct {
		int64_t id, nonce;
	} slot[2]; /* 144 */
};

struct journal_head {
	int fd;
	struct layout *map;
	bool locked;
};

int journal_head_open(struct journal_head **out, const char *database,
		      struct err *err)
{
	struct journal_head *h = mem_new(sizeof(*h));
	char *path = mem_new(strlen(database) + sizeof("-belfry"));

	sprintf(path, "%s-belfry", database);
	h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
	if (h->fd < 0) {
		err_set_errno(err, "%s", path);
		goto fail;
	}
	/* Others of the group watch too, whatever our umask.  Only its owner
	 * can, and need. */
	fchmod(h->fd, 0660);
	/* posix_fallocate and not ftruncate: a store into a hole of a full
	 * disk would be a SIGBUS. */
	if (posix_fallocate(h->fd, 0, sizeof(*h->map)) != 0) {
		err_set(err, ERR_FULL, "%s: no space for %zu bytes", path,
			sizeof(*h->map));
		goto fail;
	}
	h->map = mmap(NULL, sizeof(*h->map), PROT_READ | PROT_WRITE, MAP_SHARED,
		      h->fd, 0);
	if (h->map == MAP_FAILED) {
		h->map = NULL;
		err_set_errno(err, "%s: mmap", path);
		goto fail;
	}
	free(path);
	*out = h;
	return 0;
fail:
	free(path);
	journal_head_close(h);
	return -1;
}

void journal_head_close(struct journal_head *h)
{
	if (!h)
		return;
	if (h->map)
		munmap(h->map, sizeof(*h->map));
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

bool journal_head_lock(struct journal_head *h)
{
	if (!h->locked)
		h->locked = flock(h->fd, LOCK_EX | LOCK_NB) == 0;
	return h->locked;
}

static void copy_text(char *out, const char *in)
{
	memcpy(out, in, JOURNAL_HEAD_TEXT_BYTES);
	out[JOURNAL_HEAD_TEXT_BYTES - 1] = '\0';
}

bool journal_head_read(const struct journal_head *h, struct journal_mark *out)
{
	uint64_t turn;

	if (memcmp(h->map->magic, magic, sizeof(magic)) != 0)
		return false;
	turn = atomic_load(&h->map->turn);
	out->id = h->map->slot[turn & 1].id;
	out->nonce = h->map->slot[turn & 1].nonce;
	copy_text(out->epoch, h->map->epoch);
	copy_text(out->boot_id, h->map->boot_id);
	return true;
}

void journal_head_store(struct journal_head *h, int64_t id, int64_t nonce)
{
	uint64_t turn = atomic_load(&h->map->turn) + 1;

	h->map->slot[turn & 1].id = id;
	h->map->slot[turn & 1].nonce = nonce;
	atomic_store(&h->map->turn, turn);
}

void journal_head_reset(struct journal_head *h, const struct journal_mark *mark)
{
	copy_text(h->map->boot_id, mark->boot_id);
	copy_text(h->map->epoch, mark->epoch);
	journal_head_store(h, mark->id, mark->nonce);
	memcpy(h->map->magic, magic, sizeof(magic));
}

void journal_boot_id(char out[static JOURNAL_HEAD_TEXT_BYTES])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(out, 0, JOURNAL_HEAD_TEXT_BYTES);
	if (f && fgets(out, JOURNAL_HEAD_TEXT_BYTES, f))
		out[strcspn(out, "\n")] = '\0';
	if (f)
		fclose(f);
}
