/*
 * peer: writing to a web server, at the other end of a socket (FastCGI) or of a
 * pipe (CGI).
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_PEER_H
#define BELFRY_LIB_PEER_H

#include <sys/types.h>
#include <sys/uio.h>

/* Writes what is possible now.  Bytes taken (0: none now), or -1: the peer is
 * gone.  A pipe must be non-blocking, and SIGPIPE ignored. */
ssize_t peer_write(int fd, struct iovec *iov, unsigned n);

#endif
