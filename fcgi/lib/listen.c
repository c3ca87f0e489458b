/*
 * The file of a unix socket outlives its process.  So "is the name taken" is
 * answered by trying to connect: refused means that nobody listens any more.
 *
 * Between that answer, removing the file and binding anew, a second process
 * could do the same, and one of the two would listen on a socket without a
 * name.  So all of it happens under a lock on the folder.  The kernel frees the
 * lock with the process, and it leaves no file behind (a lock file could never
 * be removed safely).
 *
 * The file has its final mode from its first moment (umask).  Connecting is
 * refused until listen(), when the file's group is right too.
 */
#include "lib/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mem.h"

static int in_use(const struct listen_address *a, struct err *err)
{
	char text[LISTEN_TEXT_BYTES];

	return err_set(err, ERR_UNAVAILABLE,
		       "%s: somebody listens there already (another "
		       "responder?)",
		       listen_text(a, text));
}

/* 0: the name is free.  Who asks with a datagram socket is told that the one
 * there is of another type, or that there is none: nobody has to accept a
 * connection, and our sandbox, which allows none, allows this. */
static int remove_stale(const struct listen_address *a, struct err *err)
{
	const char *path = a->socket.un.sun_path;
	int fd, rc, error;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(err, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_UNAVAILABLE,
			       "%s: expected a socket or nothing, found "
			       "another kind of file",
			       path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set_errno(err, "socket");
	rc = connect(fd, &a->socket.any, a->size);
	error = errno;
	close(fd);
	if (rc == 0 || error == EPROTOTYPE)
		return in_use(a, err);
	if (error != ECONNREFUSED) {
		errno = error;
		return err_set_errno(err, "%s", path);
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(err, "%s: can't be replaced", path);
	return 0;
}

/* A descriptor that holds the lock until it is closed. */
static int lock_folder(const char *path, struct err *err)
{
	char *copy = mem_strdup(path);
	const char *folder = dirname(copy);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		err_set_errno(err, "%s", folder);
	} else if (flock(fd, LOCK_EX) < 0) {
		err_set_errno(err, "%s: flock", folder);
		close(fd);
		fd = -1;
	}
	free(copy);
	return fd;
}

static int bind_unix(int fd, const struct listen_address *a,
		     const struct listen_options *options, struct err *err)
{
	const char *path = a->socket.un.sun_path;
	mode_t before = umask(~options->mode & 0777);
	int rc = bind(fd, &a->socket.any, a->size);

	umask(before);
	if (rc < 0)
		return err_set_errno(err, "%s", path);
	if (options->group != (gid_t)-1 &&
	    lchown(path, (uid_t)-1, options->group) < 0) {
		err_set_errno(err, "%s: group %u", path,
			      (unsigned)options->group);
		goto fail;
	}
	if (listen(fd, options->backlog) == 0)
		return 0;
	err_set_errno(err, "%s", path);
fail:
	unlink(path);
	return -1;
}

static int open_unix(const struct listen_address *a,
		     const struct listen_options *options, int fd,
		     struct err *err)
{
	int lock = lock_folder(a->socket.un.sun_path, err), result = -1;

	if (lock < 0)
		return -1;
	if (remove_stale(a, err) == 0)
		result = bind_unix(fd, a, options, err);
	close(lock);
	return result;
}

static int open_tcp(const struct listen_address *a,
		    const struct listen_options *options, int fd,
		    struct err *err)
{
	char text[LISTEN_TEXT_BYTES];
	int on = 1;

	/* Connections of the last one may be in TIME_WAIT. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* An accepted socket inherits this: a small frame does not wait for
	 * the acknowledgement of the one before. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, &a->socket.any, a->size) == 0 &&
	    listen(fd, options->backlog) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return in_use(a, err);
	return err_set_errno(err, "%s", listen_text(a, text));
}

int listen_open(const struct listen_address *address,
		const struct listen_options *options, int *out, struct err *err)
{
	int fd = socket(address->socket.any.sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return err_set_errno(err, "socket");
	result = address->is_unix ? open_unix(address, options, fd, err)
				  : open_tcp(address, options, fd, err);
	if (result == 0)
		*out = fd;
	else
		close(fd);
	return result;
}

/* Is the file the one that this socket made?  fstat on a socket tells of
 * sockfs, so the answer is again who answers there: nobody, once we are closed.
 * Under the lock, as a successor may be about to bind. */
void listen_close(const struct listen_address *address, int fd)
{
	int lock;

	close(fd);
	if (!address->is_unix)
		return;
	lock = lock_folder(address->socket.un.sun_path, NULL);
	if (lock < 0)
		return;
	remove_stale(address, NULL);
	close(lock);
}
