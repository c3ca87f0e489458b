/*
 * http: requests as a browser would make them, through the program
 * curl: name resolution, TLS and HTTP/2 are its business, and nothing of that
 * is in the memory of a responder.
 */
#ifndef BELFRY_CMD_DOCTOR_HTTP_H
#define BELFRY_CMD_DOCTOR_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"

struct err;

#define HTTP_FIELD_BYTES 128

struct http_request {
	const char *url;
	const char *headers; /* lines that end with "\n"; goes by stdin, so that
				no secret is seen in a list of processes */
	bool insecure;
};

/* One answer, as far as it has come.  Zeroed: http_stop does nothing. */
struct http {
	pid_t pid; /* 0: none */
	int fd;
	struct buf in; /* what curl has written */
	size_t body;   /* where the body begins; 0: the head is not there yet */
	bool ended;    /* nothing more will come */
	int status;    /* 0: the head is not there yet */
	char version[16], server[HTTP_FIELD_BYTES], type[HTTP_FIELD_BYTES],
	    encoding[HTTP_FIELD_BYTES];
	char why[HTTP_FIELD_BYTES * 2];	   /* curl's own words, if it failed */
	int64_t sent_ns, body_ns, last_ns; /* monotonic; 0: not yet */
};

/* Starts it; -1: there is no curl. */
int http_start(struct http *h, const struct http_request *request,
	       struct err *err);
/* Waits until something has come or nothing more will (true), or until the
 * deadline or an interruption (false). */
bool http_wait(struct http *h, int64_t deadline_ns);
/* The body so far. */
struct span http_body(const struct http *h);
/* The client is gone: its connection is closed. */
void http_stop(struct http *h);

/* The next whole event of an event stream's body after *at, which it moves on.
 * Empty where it has none of the two. */
struct http_event {
	struct span name, data, id;
};
bool http_next_event(const struct http *h, size_t *at, struct http_event *out);

#endif
