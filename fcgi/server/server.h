/*
 * server: the responder.  Accepts FastCGI connections, reads requests, has
 * workers answer them, writes the answers, and hands streams to the hub.  Under
 * CGI the same for one request.
 *
 * The loop's thread.
 */
#ifndef BELFRY_SERVER_H
#define BELFRY_SERVER_H

struct config;
struct err;
struct fcgi_gather;

/* Serves the listening socket until SIGTERM or SIGINT and all is said, or the
 * time for that is up.  0, or -1: it could not start. */
int server_run(const struct config *config, int listen_fd, struct err *err);

/* CGI: answers this one request on fd, be it with a stream, and returns when
 * that has ended or after a signal.  Takes both. */
int server_run_one(const struct config *config, struct fcgi_gather *request,
		   int fd, struct err *err);

#endif
