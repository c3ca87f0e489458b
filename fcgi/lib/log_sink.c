/*
 * Writing without waiting, and without O_NONBLOCK: that flag belongs to the
 * open file description, which the web server and all its other children share
 * with us.  So a socket is sent to with MSG_DONTWAIT.  Anything else is written
 * to only if poll says that it may be: then a pipe has a page of room, and no
 * line is longer.  (Where another process fills that page in between, we wait
 * until somebody reads.)
 *
 * syslog(3) would wait for a daemon that is stopped, so its datagram is made
 * here (RFC 3164, as glibc does).
 */
#include "lib/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static int syslog_fd = -1;

void log_sink_open_syslog(void)
{
	const struct sockaddr_un address = {AF_UNIX, "/dev/log"};

	if (syslog_fd < 0)
		syslog_fd = socket(
		    AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (syslog_fd >= 0)
		(void)connect(syslog_fd,
			      (const struct sockaddr *)(const void *)&address,
			      sizeof(address));
}

bool log_sink_stderr(const char *line, size_t len)
{
	struct pollfd fd = {STDERR_FILENO, POLLOUT, 0};
	ssize_t n;

	n = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0 || errno != ENOTSOCK)
		return n >= 0 || errno != EAGAIN;
	if (poll(&fd, 1, 0) == 0)
		return false;
	do
		n = write(STDERR_FILENO, line, len);
	while (n < 0 && errno == EINTR);
	/* What there is no reader for any more is not ours to count. */
	return n >= 0 || errno != EAGAIN;
}

bool log_sink_syslog(int priority, const char *message, size_t len)
{
	char datagram[LOG_SINK_LINE_BYTES + 128], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%b %e %T", &tm);
	n = snprintf(datagram, sizeof(datagram), "<%d>%s belfry[%ld]: %.*s",
		     LOG_DAEMON | priority, when, (long)getpid(), (int)len,
		     message);
	for (int attempt = 0; attempt < 2; attempt++) {
		if (syslog_fd >= 0 && send(syslog_fd, datagram, (size_t)n,
					   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		log_sink_open_syslog(); /* the daemon was restarted */
	}
	return false;
}
