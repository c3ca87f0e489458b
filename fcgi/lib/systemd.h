/*
 * systemd: the two agreements with a service manager: sockets that it has
 * opened (sd_listen_fds(3)), and what it is told (sd_notify(3)).
 *
 * By hand, as both are a few lines, and libsystemd would bring compression and
 * cryptography into every process.
 *
 * Before the first thread, as they read and change the environment; notifying:
 * any thread.
 */
#ifndef BELFRY_LIB_SYSTEMD_H
#define BELFRY_LIB_SYSTEMD_H

struct err;

/* How many sockets were passed to this process; the first one is
 * SYSTEMD_FIRST_FD.  After this they are close-on-exec, and the variables are
 * gone from the environment, so that no child takes them for its own.
 * ERR_USAGE when the environment makes no sense. */
#define SYSTEMD_FIRST_FD 3
int systemd_listen_fds(int *count, struct err *err);

/* "READY=1", "STOPPING=1".  Without a manager that asked for it, or when it
 * does not listen, nothing happens.  Does not block. */
void systemd_notify(const char *state);

#endif
