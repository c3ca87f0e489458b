/*
 * sandbox: what the responder can't do any more once it has started, so that
 * whoever finds a hole in it gets no further: no programs, no processes, no
 * network, no files but its own.
 */
#ifndef BELFRY_SANDBOX_H
#define BELFRY_SANDBOX_H

struct config;

/* For the calling thread and those it makes: before the first of them. Paths
 * that are not there yet count by the nearest folder above.  A kernel that
 * can't is no failure; the log says what is on. */
void sandbox_enter(const struct config *config, int listen_fd);

#endif
