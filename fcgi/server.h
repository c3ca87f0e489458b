/*
 * server: the responder.  Accepts FastCGI connections, reads requests, has
 * workers answer them, writes the answers, and hands streams to the hub.
 *
 * The loop's thread.
 */
#ifndef BELFRY_SERVER_H
#define BELFRY_SERVER_H

struct config;
struct err;

/* Serves the listening socket until SIGTERM or SIGINT and all is said, or the
 * time for that is up.  0, or -1: it could not start. */
int server_run(const struct config *config, int listen_fd, struct err *err);

#endif
