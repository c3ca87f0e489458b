/*
 * http: HTTP/1.1 responses, chunked, with a length, or up to the end.
 */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum http_body {
	HTTP_UNTIL_CLOSE,
	HTTP_LENGTH,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_END, /* the line end after a chunk */
	HTTP_TRAILER,
	HTTP_DONE
};

struct http {
	int status;
	bool close; /* the peer will close after this response */
	enum http_body body;
	uint64_t left; /* bytes of this chunk or body; size being read */
	bool line_empty, size_ends;
};

/* Reads a head that begins at data.  Bytes it takes, 0: it is not all there
 * yet, -1: this is not HTTP. */
ssize_t http_head(struct http *h, const char *data, size_t len);
/* Decodes body bytes in place.  Length of what came of them, -1: malformed.
 * Bytes after the end of the body are dropped: nobody here pipelines. */
ssize_t http_decode(struct http *h, char *data, size_t len);

#endif
