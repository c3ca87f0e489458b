/*
 * Which -shm does a connection really have?
 *
 * SQLite keeps one -shm for each database file in a process.  Suppose that the
 * -shm was removed while a connection of ours has it.  Then a new connection
 * shares the removed one, whatever lies under the path now: it would never see
 * what other processes commit, and its own commits would destroy theirs.  So
 * all connections are known here.  A new connection has the -shm of those that
 * are there already; only the first one looks at the path.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "lib/db_internal.h"
#include "lib/mem.h"

/* As SQLite's own list is, of the process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct db_shm *all;

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0; /* 0: not there */
}

/* What another connection to the same file has; 0: nobody has one. */
static ino_t shared(const struct db_shm *shm)
{
	const struct db_shm *other;

	DL_FOREACH (all, other)
		if (other != shm && other->inode &&
		    other->file_inode == shm->file_inode &&
		    other->file_device == shm->file_device)
			return other->inode;
	return 0;
}

void db_shm_begin(struct db_shm *shm, const char *database)
{
	/* Beside the file itself, not beside a link to it. */
	char *real = realpath(database, NULL);
	const char *path = real ? real : database;
	struct stat st = {0};

	stat(path, &st);
	shm->path = mem_new(strlen(path) + sizeof("-shm"));
	sprintf(shm->path, "%s-shm", path);
	free(real);
	shm->file_device = st.st_dev;
	shm->file_inode = st.st_ino;
	pthread_mutex_lock(&lock);
	shm->inode = shared(shm);
	DL_APPEND(all, shm);
	pthread_mutex_unlock(&lock);
}

void db_shm_opened(struct db_shm *shm)
{
	pthread_mutex_lock(&lock);
	if (!shm->inode)
		shm->inode = shared(shm);
	if (!shm->inode)
		shm->inode = inode_of(shm->path);
	pthread_mutex_unlock(&lock);
}

void db_shm_end(struct db_shm *shm)
{
	if (!shm->path)
		return;
	pthread_mutex_lock(&lock);
	DL_DELETE(all, shm);
	pthread_mutex_unlock(&lock);
	free(shm->path);
	shm->path = NULL;
}

bool db_shm_moved(const struct db_shm *shm)
{
	return shm->path && inode_of(shm->path) != shm->inode;
}
