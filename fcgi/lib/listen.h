/*
 * listen: an address in words (listen_address.c), and a socket that listens on
 * it (listen.c).
 *
 * One thread, as umask() belongs to the process.  Waits only for another
 * process that is opening a socket in the same folder.
 */
#ifndef BELFRY_LIB_LISTEN_H
#define BELFRY_LIB_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct err;

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_storage storage; /* room for each */
		struct sockaddr_un un;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	} socket;
	socklen_t size;
	bool is_unix;
	bool is_public; /* TCP on anything but loopback */
};

#define LISTEN_TEXT_BYTES 128

/* "unix:PATH", "HOST:PORT" or "[IPV6]:PORT"; HOST is an IPv4 address or
 * localhost, as a name could mean another address tomorrow.  ERR_USAGE. */
int listen_parse(const char *text, struct listen_address *out, struct err *err);
/* Where a socket that somebody else has opened listens.  ERR_USAGE unless it is
 * a listening stream socket of one of these kinds. */
int listen_address_of(int fd, struct listen_address *out, struct err *err);
bool listen_same(const struct listen_address *a,
		 const struct listen_address *b);
/* As listen_parse takes it.  Returns out. */
const char *listen_text(const struct listen_address *address,
			char out[static LISTEN_TEXT_BYTES]);

struct listen_options {
	mode_t mode; /* of a unix socket */
	gid_t group; /* (gid_t)-1: as the folder has it */
	int backlog;
};

/* The socket is non-blocking and close-on-exec.  A socket file that nobody
 * listens on any more is replaced.  ERR_UNAVAILABLE: somebody does listen
 * there. */
int listen_open(const struct listen_address *address,
		const struct listen_options *options, int *fd, struct err *err);
/* Closes it and removes its file, if that is still the one of this socket. */
void listen_close(const struct listen_address *address, int fd);

#endif
