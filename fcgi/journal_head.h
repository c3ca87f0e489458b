/*
 * journal_head: a small mapped file beside the database that remembers, over
 * stops and kill -9, what the journal's watcher saw last.
 *
 * A store to a mapped page makes no inotify event and needs no system call. The
 * file is locked by the process that watches; the kernel frees the lock when
 * that process dies, however it dies.
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

/* Opens or makes "<database>-belfry" (0660). */
int journal_head_open(struct journal_head **out, const char *database,
		      struct err *err);
void journal_head_close(struct journal_head *h); /* NULL is fine */

/* Tries to become the watcher; true also when this process already is. */
bool journal_head_lock(struct journal_head *h);
/* False: nobody has written it yet. */
bool journal_head_read(const struct journal_head *h, struct journal_mark *out);
/* The watcher only. */
void journal_head_store(struct journal_head *h, int64_t id, int64_t nonce);
void journal_head_reset(struct journal_head *h,
			const struct journal_mark *mark);

/* This boot's id of the kernel's. */
void journal_boot_id(char out[static JOURNAL_HEAD_TEXT_BYTES]);

#endif
