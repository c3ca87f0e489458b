/*
 * Told by the name of the parent, or of the socket that we were given.
 *
 * mod_fcgid says nothing in the environment, /proc may be hidden on a shared
 * host, and a wrapper or suexec may stand between mod_fcgid and us.  The socket
 * always comes through.  mod_fcgid names the socket's file PID.N: the process
 * manager's id and a counter.  lighttpd, spawn-fcgi and systemd use the name in
 * somebody's configuration.
 */
#include "lib/starter.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Digits, '.', digits. */
static bool is_pid_and_number(const char *name)
{
	const char *at = name;

	while (isdigit((unsigned char)*at))
		at++;
	if (at == name || *at != '.' || !isdigit((unsigned char)at[1]))
		return false;
	for (at++; isdigit((unsigned char)*at); at++)
		;
	return !*at;
}

bool starter_is_mod_fcgid(int listen_fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		char bytes[sizeof(struct sockaddr_un) + 1];
	} name;
	socklen_t size = sizeof(name.local);
	const char *slash;

	memset(&name, 0, sizeof(name));
	if (getsockname(listen_fd, &name.any, &size) < 0 ||
	    name.any.sa_family != AF_UNIX)
		return false;
	slash = strrchr(name.local.sun_path, '/');
	return slash && is_pid_and_number(slash + 1);
}

void starter_die_with_lighttpd(void)
{
	char path[64], name[32] = "";
	pid_t parent = getppid();
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)parent);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, sizeof(name), f) && strncmp(name, "lighttpd", 8) == 0)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	fclose(f);
	if (getppid() != parent)
		raise(SIGTERM); /* it went meanwhile */
}
