/*
 * dirwatch: inotify on a database's directory.  It says that something happened
 * to the database or to its -wal, -shm or -journal, never what happened: a
 * wake-up is a hint.
 *
 * One thread.
 */
#ifndef BELFRY_LIB_DIRWATCH_H
#define BELFRY_LIB_DIRWATCH_H

#include <stdbool.h>

struct dirwatch;
struct err;

enum {
	DIRWATCH_WROTE = 1, /* written, or closed after writing */
	DIRWATCH_NAMES = 2, /* created, deleted or moved: check identity */
	DIRWATCH_LOST = 4   /* overflow, or the watch is gone: check
			       everything, and open anew if it is gone */
};

/* Watches the directory of the file (which need not be there; its directory
 * must).  -1 when inotify has no instance or watch left (ERR_LIMITED) or the
 * directory is not there (ERR_NOT_FOUND). */
int dirwatch_open(struct dirwatch **out, const char *file, struct err *err);
void dirwatch_close(struct dirwatch *d);   /* NULL is fine */
int dirwatch_fd(const struct dirwatch *d); /* readable: call _read */
/* Reads all that is pending; never blocks.  The flags above, 0 for nothing of
 * ours. */
unsigned dirwatch_read(struct dirwatch *d);
bool dirwatch_gone(const struct dirwatch *d); /* the watch was removed */
/* True where writes of others may not be seen: network, FUSE, 9p, overlay. */
bool dirwatch_blind(const char *file);

#endif
