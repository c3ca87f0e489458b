/*
 * fcgi: FastCGI, and the only door to libfcgi.
 *
 * Three parts.  (1) gather (fcgi_gather.c): takes the bytes of a connection as
 * they come, without blocking and with caps, until one request is complete.
 * (2) request: the view of a complete request, parsed by libfcgi.  (3) framing
 * of what we answer.
 */
#ifndef BELFRY_LIB_FCGI_H
#define BELFRY_LIB_FCGI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct err;

#define FCGI_PARAMS_MAX_BYTES	 (64u * 1024)
#define FCGI_RECORD_HEADER_BYTES 8u
#define FCGI_RECORD_MAX_BYTES                                                  \
	65528u /* content of one record of ours: a                             \
		  multiple of 8, so never padded */

enum fcgi_record {
	FCGI_RECORD_BEGIN_REQUEST = 1,
	FCGI_RECORD_ABORT_REQUEST = 2,
	FCGI_RECORD_END_REQUEST = 3,
	FCGI_RECORD_PARAMS = 4,
	FCGI_RECORD_STDIN = 5,
	FCGI_RECORD_STDOUT = 6
};

/* ---- gather: the loop's thread ---- */

struct fcgi_gather {
	struct buf params, body; /* contents, without record headers */
	size_t body_max;
	unsigned char head[FCGI_RECORD_HEADER_BYTES]; /* of this record */
	unsigned char begin[8]; /* content of BEGIN_REQUEST */
	uint8_t head_len;
	uint8_t begin_len;
	uint16_t request_id; /* 0: not begun */
	size_t content_left, padding_left;
	bool params_done, body_too_large, body_refused;
};

enum fcgi_gathered {
	FCGI_MORE,     /* not complete yet */
	FCGI_COMPLETE, /* up to and with the empty STDIN record */
	FCGI_ABORTED,  /* FCGI_ABORT_REQUEST for it */
	FCGI_BAD       /* not FastCGI: *err says why */
};

/* What is over FCGI_PARAMS_MAX_BYTES of parameters, and a body over
 * body_max_bytes, is dropped as it comes, and only noted. */
void fcgi_gather_init(struct fcgi_gather *g, size_t body_max_bytes);
void fcgi_gather_fini(struct fcgi_gather *g);
/* Takes n bytes as they came from the peer, in pieces of any size. */
enum fcgi_gathered fcgi_gather_feed(struct fcgi_gather *g, const void *data,
				    size_t n, struct err *err);
/* There is no room for the body: what there is of it goes, what comes of it is
 * dropped, and the request says so. */
void fcgi_gather_refuse_body(struct fcgi_gather *g);
/* A CGI variable of what was gathered, before it is parsed; SPAN_NONE when it
 * is not there, or what stands before it is cut off. */
struct span fcgi_gather_param(const struct fcgi_gather *g, const char *name);
/* Is no name and no value of the parameters cut off? */
bool fcgi_gather_is_whole(const struct fcgi_gather *g);

/* ---- request: the thread that has it ---- */

struct request;

/* Parses a complete gathering through libfcgi.  Does not block on the peer.
 * Empties *g in any case. ERR_TOO_LARGE: the parameters were; ERR_INVALID when
 * libfcgi refuses. */
int request_parse(struct request **out, struct fcgi_gather *g, struct err *err);
void request_free(struct request *r); /* NULL is fine */

/* A CGI variable ("REQUEST_METHOD", "HTTP_COOKIE"); NULL when absent. Valid
 * as long as r. */
const char *request_param(const struct request *r, const char *name);
struct span request_body(const struct request *r); /* never SPAN_NONE */
uint16_t request_id(const struct request *r);
/* The body was larger than body_max: it was dropped, its size is known. */
bool request_body_too_large(const struct request *r);
bool request_body_refused(const struct request *r);

/* ---- framing ---- */

/* The request id of a CGI request: its answer has no records around it.  No
 * FastCGI request has it. */
#define FCGI_NO_RECORDS 0

/* Appends data as STDOUT records (FCGI_NO_RECORDS: as it is). */
void fcgi_put_stdout(struct buf *b, uint16_t request_id, struct span data);
/* Appends the empty STDOUT record and END_REQUEST (FCGI_NO_RECORDS: nothing).
 */
#define FCGI_END_BYTES 24u
void fcgi_put_end(struct buf *b, uint16_t request_id);

#endif
