/*
 * listen: the file of a unix socket outlives its process, so "is the name
 * taken" is answered by trying to connect: refused means stale.
 *
 * Between that answer, removing the file and binding anew, a second process
 * could do the same, and one of the two would listen on a socket without a
 * name.  So all of it happens under a lock on the folder, which the kernel
 * frees with the process and which leaves no file behind (a lock file could
 * never be removed safely).
 *
 * The file has its final mode from its first moment (umask), and connecting is
 * refused until listen(), when its group is right too.
 */
#include "lib/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mem.h"

#define PORT_MAX 65535

/* ---- addresses ---- */

static const struct sockaddr_un *as_unix(const struct listen_address *a)
{
	return (const struct sockaddr_un *)(const void *)&a->socket;
}

static const struct sockaddr_in *as_ip4(const struct listen_address *a)
{
	return (const struct sockaddr_in *)(const void *)&a->socket;
}

static const struct sockaddr_in6 *as_ip6(const struct listen_address *a)
{
	return (const struct sockaddr_in6 *)(const void *)&a->socket;
}

static void set_socket(struct listen_address *a, const void *socket,
		       socklen_t size)
{
	memset(a, 0, sizeof(*a));
	memcpy(&a->socket, socket, size);
	a->size = size;
	switch (a->socket.ss_family) {
	case AF_UNIX:
		a->is_unix = true;
		return;
	case AF_INET:
		a->is_public =
		    ntohl(as_ip4(a)->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
		return;
	case AF_INET6:
		a->is_public = !IN6_IS_ADDR_LOOPBACK(&as_ip6(a)->sin6_addr);
		return;
	}
}

static int parse_unix(const char *path, struct listen_address *out,
		      struct err *err)
{
	struct sockaddr_un socket = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if (!length || path[length - 1] == '/')
		return err_set(err, ERR_USAGE,
			       "expected unix:PATH, found no file name in it");
	if (length >= sizeof(socket.sun_path))
		return err_set(err, ERR_USAGE,
			       "%s: expected at most %zu bytes (the kernel's "
			       "limit for a socket), found %zu",
			       path, sizeof(socket.sun_path) - 1, length);
	memcpy(socket.sun_path, path, length);
	set_socket(out, &socket, sizeof(socket));
	return 0;
}

/* 0 is nobody's port: it would be another one at each start. */
static int parse_port(const char *text, in_port_t *port)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > PORT_MAX)
		return -1;
	*port = htons((in_port_t)value);
	return 0;
}

static int parse_host(const char *host, in_port_t port,
		      struct listen_address *out)
{
	struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_port = port};
	size_t length = strlen(host);
	char inner[INET6_ADDRSTRLEN];

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &ip4.sin_addr) == 1) {
		set_socket(out, &ip4, sizeof(ip4));
		return 0;
	}
	if (length < 3 || length > sizeof(inner) || host[0] != '[' ||
	    host[length - 1] != ']')
		return -1;
	memcpy(inner, host + 1, length - 2);
	inner[length - 2] = '\0';
	if (inet_pton(AF_INET6, inner, &ip6.sin6_addr) != 1)
		return -1;
	set_socket(out, &ip6, sizeof(ip6));
	return 0;
}

int listen_parse(const char *text, struct listen_address *out, struct err *err)
{
	struct listen_address found = {.size = 0};
	const char *colon = strrchr(text, ':');
	in_port_t port;
	char *host;
	int result = -1;

	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, out, err);
	host = mem_strdup(text);
	if (colon && parse_port(colon + 1, &port) == 0) {
		host[colon - text] = '\0';
		result = parse_host(host, port, &found);
	}
	free(host);
	if (result < 0)
		return err_set(err, ERR_USAGE,
			       "expected unix:PATH, or IP:PORT such as "
			       "127.0.0.1:9000 or [::1]:9000, found \"%s\"",
			       text);
	*out = found;
	return 0;
}

static bool is_listening(int fd)
{
	int listening = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) ==
		   0 &&
	       listening &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_STREAM;
}

int listen_address_of(int fd, struct listen_address *out, struct err *err)
{
	struct sockaddr_storage socket;
	socklen_t size = sizeof(socket);

	memset(&socket, 0, sizeof(socket));
	if (!is_listening(fd) ||
	    getsockname(fd, (struct sockaddr *)&socket, &size) < 0 ||
	    size > sizeof(socket) ||
	    (socket.ss_family != AF_UNIX && socket.ss_family != AF_INET &&
	     socket.ss_family != AF_INET6))
		return err_set(err, ERR_USAGE,
			       "descriptor %d: expected a listening stream "
			       "socket (unix or TCP)",
			       fd);
	set_socket(out, &socket, size);
	return 0;
}

const char *listen_text(const struct listen_address *address,
			char out[static LISTEN_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "";

	switch (address->socket.ss_family) {
	case AF_UNIX:
		snprintf(out, LISTEN_TEXT_BYTES, "unix:%.*s",
			 (int)sizeof(as_unix(address)->sun_path),
			 as_unix(address)->sun_path);
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &as_ip6(address)->sin6_addr, host,
			  sizeof(host));
		snprintf(out, LISTEN_TEXT_BYTES, "[%s]:%u", host,
			 ntohs(as_ip6(address)->sin6_port));
		break;
	default:
		inet_ntop(AF_INET, &as_ip4(address)->sin_addr, host,
			  sizeof(host));
		snprintf(out, LISTEN_TEXT_BYTES, "%s:%u", host,
			 ntohs(as_ip4(address)->sin_port));
	}
	return out;
}

bool listen_same(const struct listen_address *a, const struct listen_address *b)
{
	char one[LISTEN_TEXT_BYTES], other[LISTEN_TEXT_BYTES];

	return strcmp(listen_text(a, one), listen_text(b, other)) == 0;
}

/* ---- sockets ---- */

static const struct sockaddr *to_bind(const struct listen_address *a)
{
	return (const struct sockaddr *)(const void *)&a->socket;
}

static int new_socket(const struct listen_address *a, struct err *err)
{
	int fd = socket(a->socket.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_set_errno(err, "socket");
	return fd;
}

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
	const char *path = as_unix(a)->sun_path;
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
	rc = connect(fd, to_bind(a), a->size);
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
	const char *path = as_unix(a)->sun_path;
	mode_t before = umask(~options->mode & 0777);
	int rc = bind(fd, to_bind(a), a->size);

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
	int lock = lock_folder(as_unix(a)->sun_path, err), result = -1;

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
	if (bind(fd, to_bind(a), a->size) == 0 &&
	    listen(fd, options->backlog) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return in_use(a, err);
	return err_set_errno(err, "%s", listen_text(a, text));
}

int listen_open(const struct listen_address *address,
		const struct listen_options *options, int *out, struct err *err)
{
	int fd = new_socket(address, err);
	int result;

	if (fd < 0)
		return -1;
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
	lock = lock_folder(as_unix(address)->sun_path, NULL);
	if (lock < 0)
		return;
	remove_stale(address, NULL);
	close(lock);
}
