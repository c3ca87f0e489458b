/*
 * systemd: the two agreements with a service manager, by hand: sockets that it
 * has opened (sd_listen_fds(3)) and what it is told (sd_notify(3)).  Both are
 * a few lines, and libsystemd would bring compression and cryptography into
 * every process.
 */
#ifndef BELFRY_LIB_SYSTEMD_H
#define BELFRY_LIB_SYSTEMD_H

struct err;

/* How many sockets were passed to this process: 0, or more, the first is
 * SYSTEMD_FIRST_FD.  They are close-on-exec after this, and what it said in the
 * environment is gone, so that no child takes it for itself.  ERR_USAGE when
 * the environment makes no sense. */
#define SYSTEMD_FIRST_FD 3
int systemd_listen_fds(int *count, struct err *err);

/* "READY=1", "STOPPING=1".  Without a manager that asked for it, or when it
 * does not listen, nothing happens.  Does not block. */
void systemd_notify(const char *state);

#endif
