/*
 * frame: bytes ready for a web server (FastCGI records around events; none for
 * CGI), encoded once and shared by all streams they go to.
 *
 * One thread.
 */
#ifndef BELFRY_FRAME_H
#define BELFRY_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct frame {
	unsigned refs;
	uint16_t request_id;
	int64_t cursor; /* where a stream stands that has it; FRAME_NO_CURSOR:
			   where it stood */
	size_t len;
	char *bytes;
};

#define FRAME_NO_CURSOR INT64_C(-1)

/* The caller holds one reference.  `event` is unframed and copied. */
struct frame *frame_new(uint16_t request_id, int64_t cursor, struct span event);
/* Bytes that are framed already (the rest of a page). */
struct frame *frame_of_bytes(int64_t cursor, struct span bytes);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); /* NULL is fine */
/* The same for another request id (most web servers use 1 always): a new
 * reference, to f itself if it fits. */
struct frame *frame_for(struct frame *f, uint16_t request_id);

#endif
