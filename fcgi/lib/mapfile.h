/*
 * mapfile: a small file beside the database that several processes have mapped:
 * shared memory that outlives each of them.
 *
 * The file lies in the folder "<database>-belfry.d": a watch on the database's
 * own folder does not see what happens in there.  A store to a mapped page
 * makes no inotify event anywhere.
 *
 * The data begins as zeros.  A file of the right name with anything else in it
 * (garbage, cut short, half made by a process that was killed) is made anew in
 * place.  A file that is cut short while it is mapped becomes private memory of
 * zeros (lib/mapguard.h).  So the user of a mapfile asks mapfile_lost() now and
 * then, and is able to begin anew.
 *
 * Opening and closing: one thread at a time.  The data: as its user decides.
 */
#ifndef BELFRY_LIB_MAPFILE_H
#define BELFRY_LIB_MAPFILE_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct mapfile;

#define MAPFILE_NAME_BYTES 40

struct mapfile_form {
	/* The file's name, and what stands at its beginning; another one
	 * whenever the meaning of the data changes ("registry-1"), so that two
	 * versions of the program do not share a file. */
	const char *name;
	size_t size; /* of the data, bytes; constant for a name */
};

enum mapfile_mode {
	MAPFILE_SHARE, /* made if need be */
	MAPFILE_LOOK   /* read only: ERR_NOT_FOUND where it isn't; storing to
			  its data is a crash */
};

/* Never waits for more than a second.  -1: no rights, no space, not a regular
 * file, somebody is stopped in the middle of making it (ERR_BUSY). */
int mapfile_open(struct mapfile **out, const char *database,
		 const struct mapfile_form *form, enum mapfile_mode mode,
		 struct err *err);
void mapfile_close(struct mapfile *m); /* frees its locks; NULL is fine */

/* The data, aligned to 64 bytes. */
void *mapfile_data(struct mapfile *m);
/* True when this is not (any more) the file that others open under the name.
 * One stat; close it and open it again. */
bool mapfile_lost(const struct mapfile *m);

/* Locks numbered from 0 that the kernel frees when the process ends, however it
 * ends.  Nothing waits: false when another one has it.  One's own lock can be
 * taken again. */
bool mapfile_lock(struct mapfile *m, unsigned number);
void mapfile_unlock(struct mapfile *m, unsigned number);
/* Does anybody else hold it? */
bool mapfile_locked(const struct mapfile *m, unsigned number);

/* The path of `name` in the folder "<database>-belfry.d", on the heap, without
 * making anything. */
char *mapfile_path(const char *database, const char *name);
/* Makes that folder (2770 where the database's is setgid, else 0770). */
int mapfile_make_folder(const char *database, struct err *err);

#endif
