/*
 * starter: which program has started this responder, where that matters.
 */
#ifndef BELFRY_LIB_STARTER_H
#define BELFRY_LIB_STARTER_H

#include <stdbool.h>

/* Is this the socket that Apache's mod_fcgid gives its processes? */
bool starter_is_mod_fcgid(int listen_fd);

/* kill -9 of lighttpd leaves its responder behind, which would go on to hold
 * the watch: after this it gets SIGTERM.  Only lighttpd: under spawn-fcgi the
 * parent goes by design. */
void starter_die_with_lighttpd(void);

#endif
