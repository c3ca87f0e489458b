/*
 * head: what outlives the processes: the last row that any of them
 * handed out, the epoch, the boot; and which of them watches for all.
 *
 * A file that all have mapped (lib/mapfile.h): a store makes no inotify event,
 * needs no system call and survives kill -9.  The watcher is who holds its
 * lock, which the kernel frees when that process dies, however it dies.
 */
#ifndef BELFRY_JOURNAL_HEAD_H
#define BELFRY_JOURNAL_HEAD_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct journal_head;

#define JOURNAL_HEAD_TEXT_BYTES 64

/* What the file says. */
struct journal_mark {
	int64_t id, nonce;		       /* the last row seen; 0: none */
	char epoch[JOURNAL_HEAD_TEXT_BYTES];   /* the database's */
	char boot_id[JOURNAL_HEAD_TEXT_BYTES]; /* the machine's */
};

/* Opens or makes it, in the folder "<database>-belfry.d". */
int journal_head_open(struct journal_head **out, const char *database,
		      struct err *err);
/* The same to read only; ERR_NOT_FOUND where there is none. */
int journal_head_look(struct journal_head **out, const char *database,
		      struct err *err);
void journal_head_close(struct journal_head *h); /* NULL is fine */
/* It is not the file any more that others see: open it again. */
bool journal_head_lost(const struct journal_head *h);

/* Tries to become the watcher; true also when this process already is. */
bool journal_head_lock(struct journal_head *h);
/* False: nobody has written it yet. */
bool journal_head_read(const struct journal_head *h, struct journal_mark *out);
/* Before a row is handed out, by whoever does: raises the mark to it, if the
 * mark is lower and of this epoch. */
void journal_head_store(struct journal_head *h, const char *epoch, int64_t id,
			int64_t nonce);
/* The watcher's: until when (monotonic) it has read all that was committed, and
 * woken whom it concerns. */
void journal_head_set_read_ns(struct journal_head *h, int64_t now_ns);
int64_t journal_head_read_ns(const struct journal_head *h);
/* The watcher only. */
void journal_head_reset(struct journal_head *h,
			const struct journal_mark *mark);

#endif
