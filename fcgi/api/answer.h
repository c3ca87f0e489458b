/*
 * answer: what a handler gives back: a CGI response as bytes, or a stream to be
 * opened after these first bytes.  Also the helpers that write responses.
 *
 * An answer belongs to one thread at a time; nothing here blocks.
 */
#ifndef BELFRY_ANSWER_H
#define BELFRY_ANSWER_H

#include <stdbool.h>

#include "lib/buf.h"

struct err;
struct stream_open;

#define ANSWER_MAX_BYTES	 (64u * 1024 * 1024)
#define ANSWER_HEADERS_MAX_BYTES (16u * 1024)

struct answer {
	struct buf bytes;   /* "Status: 200 OK\r\n…\r\n\r\n" and the body */
	struct buf headers; /* extra header lines, set by anybody before
			       the head is written (CORS, Link, Allow) */
	struct stream_open *open; /* owned; NULL: bytes are all */
	int status;		  /* of the head in bytes; 0: none yet */
	const char *request_id;	  /* borrowed; a header of all but streams */
	bool wrote;	/* the database was changed: wake the journal */
	bool head_only; /* HEAD: the head of the same GET, no body */
};

void answer_init(struct answer *a);
void answer_fini(struct answer *a);

/* Adds one header line; value must be free of CR, LF and NUL, and fit (else it
 * is left out). */
void answer_header(struct answer *a, const char *name, const char *value);
/* Writes head and body.  Every answer gets Cache-Control: no-store (unless a
 * header says otherwise), Content-Length, and headers for security. A
 * body that is too large becomes a problem. */
void answer_json(struct answer *a, int status, struct span json);
/* The same with 200 and text of another type. */
void answer_text(struct answer *a, const char *type, struct span text);
void answer_empty(struct answer *a, int status); /* 204, 304 */
/* RFC 9457 from an error: status from the one table; Retry-After with 429 and
 * 503 (unless a header says otherwise); WWW-Authenticate with 401.  What was
 * written before is discarded, `headers` are kept. */
void answer_problem(struct answer *a, const struct err *err);
/* The same with a status that no error code has (414). */
void answer_problem_status(struct answer *a, int status, const struct err *err);
/* The head of a stream; the body is appended by the caller. */
void answer_stream_head(struct answer *a);
int answer_status_of(int err_code);    /* the table */
const char *answer_reason(int status); /* "Not Found" */

#endif
