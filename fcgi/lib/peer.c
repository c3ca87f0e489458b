/*
 * peer: a socket is the rule, so it is tried first: a stream of FastCGI costs
 * one system call per write, as if there were no CGI.
 */
#include "lib/peer.h"

#include <errno.h>
#include <sys/socket.h>

ssize_t peer_write(int fd, struct iovec *iov, unsigned n)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent;

	do {
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == ENOTSOCK)
			sent = writev(fd, iov, (int)n);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return sent;
}
