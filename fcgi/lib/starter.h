/*
 * starter: which program has started this responder, where that matters.
 *
 * Before the first thread.
 */
#ifndef BELFRY_LIB_STARTER_H
#define BELFRY_LIB_STARTER_H

#include <stdbool.h>

/* Is this the socket that Apache's mod_fcgid gives its processes? */
bool starter_is_mod_fcgid(int listen_fd);

/* After this, the responder gets SIGTERM when lighttpd is killed.  Otherwise a
 * kill -9 of lighttpd would leave it behind, and it would go on to hold the
 * watch.  Only lighttpd: under spawn-fcgi the parent goes by design. */
void starter_die_with_lighttpd(void);

#endif
