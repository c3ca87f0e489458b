/*
 * The watch is on the directory.  A watch on a file would be lost: a restore
 * puts another inode under the name, and SQLite makes and removes the -wal.
 *
 * The mask has only what changes bytes or names.  IN_OPEN, IN_ACCESS,
 * IN_CLOSE_NOWRITE and IN_ATTRIB are left out: our own reads would wake us for
 * ever.
 */
#include "lib/dirwatch.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mem.h"

#define MASK_WROTE (IN_MODIFY | IN_CLOSE_WRITE)
#define MASK_NAMES (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM)
#define MASK_SELF  (IN_DELETE_SELF | IN_MOVE_SELF)

/* Together more than the kernel queues by default (16,384 events); a bound, as
 * a busy writer must not keep us here. */
#define READS_MAX	64
#define READ_BYTES	16384
#define EVENT_MAX_BYTES (sizeof(struct inotify_event) + NAME_MAX + 1)

struct dirwatch {
	int fd;
	bool gone;
	size_t name_len;
	char name[]; /* of the database, without its directory */
};

/* The path with symbolic links followed, as SQLite puts -wal beside the real
 * file; a file that is not there yet is taken as named.  On the heap. */
static char *real_path(const char *file)
{
	char *path = realpath(file, NULL);

	return path ? path : mem_strdup(file);
}

/* Cuts path into its directory and the name behind it. */
static const char *split(char *path, const char **name)
{
	char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (!slash)
		return ".";
	if (slash == path)
		return "/";
	*slash = '\0';
	return path;
}

static int open_error(const char *dir, struct err *err)
{
	int error = errno;

	err_set_errno(err, "inotify on directory %s", dir);
	if (!err)
		return -1;
	/* No instance (or descriptor) left, no watch left. */
	if (error == EMFILE || error == ENFILE || error == ENOSPC)
		err->code = ERR_LIMITED;
	if (error == ENOENT || error == ENOTDIR)
		err->code = ERR_NOT_FOUND;
	return -1;
}

int dirwatch_open(struct dirwatch **out, const char *file, struct err *err)
{
	char *path = real_path(file);
	const char *name, *dir;
	struct dirwatch *d;
	int result = -1;

	dir = split(path, &name);
	d = mem_new(sizeof(*d) + strlen(name) + 1);
	d->name_len = strlen(name);
	memcpy(d->name, name, d->name_len + 1);
	d->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->fd < 0 || inotify_add_watch(d->fd, dir,
					   MASK_WROTE | MASK_NAMES | MASK_SELF |
					       IN_ONLYDIR) < 0) {
		open_error(dir, err);
		goto out;
	}
	*out = d;
	d = NULL;
	result = 0;
out:
	dirwatch_close(d);
	free(path);
	return result;
}

void dirwatch_close(struct dirwatch *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

int dirwatch_fd(const struct dirwatch *d)
{
	return d->fd;
}

bool dirwatch_gone(const struct dirwatch *d)
{
	return d->gone;
}

static unsigned judge_name(const struct dirwatch *d, const char *name,
			   uint32_t mask)
{
	const char *suffix = name + d->name_len;
	bool journal;

	if (strncmp(name, d->name, d->name_len) != 0)
		return 0;
	journal = strcmp(suffix, "-journal") == 0;
	if (!journal && *suffix && strcmp(suffix, "-wal") != 0 &&
	    strcmp(suffix, "-shm") != 0)
		return 0;
	if (mask & MASK_WROTE)
		return DIRWATCH_WROTE;
	if (!journal || (mask & IN_MOVED_TO))
		return mask & MASK_NAMES ? DIRWATCH_NAMES : 0;
	/* A rollback journal comes and goes with each transaction; it is its
	 * going that commits. */
	return mask & IN_DELETE ? DIRWATCH_WROTE : 0;
}

static unsigned judge(struct dirwatch *d, const struct inotify_event *event)
{
	if (event->mask & (MASK_SELF | IN_IGNORED | IN_UNMOUNT)) {
		/* A directory that was moved is still watched, but under the
		 * path there is another one, or none. */
		d->gone = true;
		return DIRWATCH_LOST;
	}
	if (event->mask & IN_Q_OVERFLOW)
		return DIRWATCH_LOST;
	return event->len ? judge_name(d, event->name, event->mask) : 0;
}

unsigned dirwatch_read(struct dirwatch *d)
{
	_Alignas(struct inotify_event) char bytes[READ_BYTES];
	unsigned flags = 0;
	int reads;

	for (reads = 0; reads < READS_MAX; reads++) {
		const char *p = bytes;
		ssize_t n = read(d->fd, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		while (p < bytes + n) {
			const void *at = p;
			const struct inotify_event *event = at;

			flags |= judge(d, event);
			p += sizeof(*event) + event->len;
		}
		/* One more would have had room. */
		if ((size_t)n < sizeof(bytes) - EVENT_MAX_BYTES)
			break;
	}
	return flags;
}

bool dirwatch_blind(const char *file)
{
	/* Those that linux/magic.h does not have come with their own kernel
	 * modules. */
	static const uint32_t blind[] = {
	    NFS_SUPER_MAGIC,
	    SMB_SUPER_MAGIC,
	    CIFS_SUPER_MAGIC,
	    SMB2_SUPER_MAGIC,
	    FUSE_SUPER_MAGIC,
	    V9FS_MAGIC,
	    OVERLAYFS_SUPER_MAGIC,
	    AFS_SUPER_MAGIC,
	    CODA_SUPER_MAGIC,
	    CEPH_SUPER_MAGIC,
	    0x786f4256 /* VirtualBox shared folder */,
	    0x0bd00bd0 /* Lustre */,
	    0x47504653 /* GPFS */,
	};
	char *path = real_path(file);
	const char *name;
	struct statfs fs;
	bool result = false;
	size_t i;

	if (statfs(path, &fs) < 0 && statfs(split(path, &name), &fs) < 0)
		goto out;
	for (i = 0; i < sizeof(blind) / sizeof(blind[0]); i++)
		result = result || (uint32_t)fs.f_type == blind[i];
out:
	free(path);
	return result;
}
