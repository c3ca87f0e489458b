/*
 * A process that opens a good file takes no lock.  A process that finds it
 * otherwise makes it, under a lock that the kernel frees if its holder is
 * killed.  `ready` is stored last, so the next process makes a half-made file
 * again.  The file is never shrunk: somebody else's mapping would break.
 *
 * Locks are OFD locks (of the open file, not of the process), one byte each.
 * They are free when the holder is gone.  Unlike POSIX locks, they are not lost
 * when something in the process opens and closes the same file.
 */
#include "lib/mapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mapguard.h"
#include "lib/mem.h"

#define READY	       UINT32_C(0x42656c66)
#define LOCK_MAKING    0 /* bytes of the file that stand for locks */
#define LOCK_FIRST     1
#define MAKING_TRIES   1000
#define MAKING_STEP_NS 1000000

struct header { /* 64 bytes, so that the data is aligned */
	char name[MAPFILE_NAME_BYTES];
	uint64_t size;
	_Atomic uint32_t ready;
	uint32_t unused[3];
};
_Static_assert(sizeof(struct header) == 64, "the data would not be aligned");

struct mapfile {
	char *path;
	const struct mapfile_form *form;
	int fd;
	bool read_only;
	struct header *header;
	size_t length; /* of the mapping */
	unsigned guard;
};

/* ---- locks ---- */

static int lock_call(const struct mapfile *m, int command, short type,
		     unsigned byte, struct flock *lock)
{
	memset(lock, 0, sizeof(*lock));
	lock->l_type = type;
	lock->l_whence = SEEK_SET;
	lock->l_start = byte;
	lock->l_len = 1;
	return fcntl(m->fd, command, lock);
}

bool mapfile_lock(struct mapfile *m, unsigned number)
{
	struct flock lock;

	return lock_call(m, F_OFD_SETLK, F_WRLCK, LOCK_FIRST + number, &lock) ==
	       0;
}

void mapfile_unlock(struct mapfile *m, unsigned number)
{
	struct flock lock;

	lock_call(m, F_OFD_SETLK, F_UNLCK, LOCK_FIRST + number, &lock);
}

bool mapfile_locked(const struct mapfile *m, unsigned number)
{
	struct flock lock;

	return lock_call(m, F_OFD_GETLK, F_WRLCK, LOCK_FIRST + number, &lock) ==
		   0 &&
	       lock.l_type != F_UNLCK;
}

/* ---- making ---- */

static int wait_to_make(const struct mapfile *m, struct err *err)
{
	const struct timespec step = {0, MAKING_STEP_NS};
	struct flock lock;

	for (int i = 0; i < MAKING_TRIES; i++) {
		if (lock_call(m, F_OFD_SETLK, F_WRLCK, LOCK_MAKING, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return err_set_errno(err, "%s: lock", m->path);
		nanosleep(&step, NULL);
	}
	return err_set(err, ERR_BUSY,
		       "%s: another process is making it, and does not end",
		       m->path);
}

static bool is_good(const struct mapfile *m)
{
	const struct header *h = m->header;

	return atomic_load(&h->ready) == READY && h->size == m->form->size &&
	       strncmp(h->name, m->form->name, sizeof(h->name)) == 0;
}

static int map(struct mapfile *m, struct err *err)
{
	int rights = m->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	void *at = mmap(NULL, m->length, rights, MAP_SHARED, m->fd, 0);

	if (at == MAP_FAILED)
		return err_set_errno(err, "%s: mmap", m->path);
	if (mapguard_add(at, m->length, &m->guard, err) < 0) {
		munmap(at, m->length);
		return -1;
	}
	m->header = at;
	return 0;
}

/* 1: long enough, 0: not, -1: not a file that can be mapped. */
static int look(const struct mapfile *m, struct err *err)
{
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return err_set_errno(err, "%s", m->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID,
			       "%s: expected a regular file, or none", m->path);
	return (uint64_t)st.st_size >= m->length;
}

/* Returns how many bytes were there, or -1. */
static int64_t make_long_enough(const struct mapfile *m, struct err *err)
{
	int length = look(m, err), rc;
	struct stat st;

	if (length < 0 || fstat(m->fd, &st) < 0)
		return -1;
	if (length)
		return st.st_size;
	/* Others of the group have it too, whatever our umask. */
	fchmod(m->fd, 0660);
	/* And not ftruncate: a store into a hole of a full disk fails. */
	rc = posix_fallocate(m->fd, 0, (off_t)m->length);
	if (rc == 0)
		return st.st_size;
	errno = rc;
	return err_set_errno(err, "%s: %zu bytes", m->path, m->length);
}

static void write_header(struct mapfile *m, bool has_zeros)
{
	struct header *h = m->header;

	atomic_store(&h->ready, 0);
	/* Not touched where it need not be: it would be memory. */
	if (!has_zeros)
		memset(mapfile_data(m), 0, m->form->size);
	memset(h->name, 0, sizeof(h->name));
	memcpy(h->name, m->form->name,
	       strnlen(m->form->name, sizeof(h->name) - 1));
	h->size = m->form->size;
	atomic_store(&h->ready, READY);
}

static int make(struct mapfile *m, struct err *err)
{
	struct flock lock;
	int64_t before;
	int result = -1;

	if (wait_to_make(m, err) < 0)
		return -1;
	before = make_long_enough(m, err);
	if (before < 0 || (!m->header && map(m, err) < 0))
		goto out;
	if (!is_good(m)) /* nobody else was first */
		write_header(m, before == 0);
	result = 0;
out:
	lock_call(m, F_OFD_SETLK, F_UNLCK, LOCK_MAKING, &lock);
	return result;
}

/* ---- opening ---- */

char *mapfile_path(const char *database, const char *name)
{
	static const char folder[] = "-belfry.d/";
	size_t size = strlen(database) + sizeof(folder) + strlen(name);
	char *path = mem_new(size);

	snprintf(path, size, "%s%s%s", database, folder, name);
	return path;
}

int mapfile_make_folder(const char *database, struct err *err)
{
	char *path = mapfile_path(database, "");
	struct stat st;
	int result = 0;

	if (mkdir(path, 0770) == 0) {
		/* Past the umask; the kernel has passed setgid on. */
		if (stat(path, &st) == 0)
			chmod(path, (st.st_mode & S_ISGID) | 0770);
	} else if (errno != EEXIST) {
		result = err_set_errno(err, "%s", path);
	}
	free(path);
	return result;
}

static int open_file(struct mapfile *m, const char *database, struct err *err)
{
	int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	if (!m->read_only && mapfile_make_folder(database, err) < 0)
		return -1;
	flags |= m->read_only ? O_RDONLY : O_RDWR | O_CREAT;
	m->fd = open(m->path, flags, 0660);
	if (m->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s is not there", m->path);
	return err_set_errno(err, "%s", m->path);
}

static int open_map(struct mapfile *m, const char *database, struct err *err)
{
	int length;

	if (open_file(m, database, err) < 0)
		return -1;
	length = look(m, err);
	if (length < 0 || (length > 0 && map(m, err) < 0))
		return -1;
	if (length > 0 && is_good(m))
		return 0;
	if (m->read_only)
		return err_set(err, ERR_NOT_FOUND, "%s: nothing in it yet",
			       m->path);
	return make(m, err);
}

int mapfile_open(struct mapfile **out, const char *database,
		 const struct mapfile_form *form, enum mapfile_mode mode,
		 struct err *err)
{
	struct mapfile *m = mem_new(sizeof(*m));

	m->fd = -1;
	m->form = form;
	m->read_only = mode == MAPFILE_LOOK;
	m->length = sizeof(struct header) + form->size;
	m->path = mapfile_path(database, form->name);
	if (open_map(m, database, err) < 0) {
		mapfile_close(m);
		return -1;
	}
	*out = m;
	return 0;
}

void mapfile_close(struct mapfile *m)
{
	if (!m)
		return;
	if (m->header)
		mapguard_unmap(m->guard);
	if (m->fd >= 0)
		close(m->fd);
	free(m->path);
	free(m);
}

void *mapfile_data(struct mapfile *m)
{
	return m->header + 1;
}

bool mapfile_lost(const struct mapfile *m)
{
	struct stat ours, theirs;

	return mapguard_lost(m->guard) || fstat(m->fd, &ours) < 0 ||
	       stat(m->path, &theirs) < 0 || ours.st_dev != theirs.st_dev ||
	       ours.st_ino != theirs.st_ino ||
	       (uint64_t)ours.st_size < m->length || !is_good(m);
}
