/*
 * http: one request as a browser would make it, by the program curl.  curl does
 * name resolution, TLS and HTTP/2, so that no library for them is linked into
 * the responder.
 */
#ifndef BELFRY_CMD_DOCTOR_HTTP_H
#define BELFRY_CMD_DOCTOR_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"

struct err;

#define HTTP_FIELD_BYTES 128

/* One answer, as far as it has come.  Zeroed: http_stop does nothing. */
struct http {
	pid_t pid; /* 0: none */
	int fd;
	struct buf in; /* what curl has written */
	size_t body;   /* where the body begins; 0: the head is not there yet */
	bool ended;    /* nothing more will come */
	int status;    /* 0: the head is not there yet */
	char version[16], server[HTTP_FIELD_BYTES], encoding[HTTP_FIELD_BYTES];
	char why[HTTP_FIELD_BYTES * 2];	   /* curl's own words, if it failed */
	int64_t sent_ns, body_ns, last_ns; /* monotonic; 0: not yet */
};

/* Starts a request.  `headers` are lines that end with "\n"; they go to curl by
 * its standard input, so that no list of processes shows a secret.  0 or -1; a
 * missing curl is an answer that failed. */
int http_start(struct http *h, const char *url, const char *headers,
	       bool insecure, struct err *err);
/* Waits until something has come or nothing more will (true), or until the
 * deadline or an interruption (false). */
bool http_wait(struct http *h, int64_t deadline_ns);
/* The body so far. */
struct span http_body(const struct http *h);
/* Closes the connection, as a client that goes away does. */
void http_stop(struct http *h);

/* The next whole event of an event stream's body after *at, which it moves on.
 * A field that the event does not have is empty. */
struct http_event {
	struct span name, data, id;
};
bool http_next_event(const struct http *h, size_t *at, struct http_event *out);

#endif
