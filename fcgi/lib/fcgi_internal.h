/*
 * fcgi_internal: what fcgi_frame.c, fcgi_gather.c and fcgi_request.c share.
 */
#ifndef BELFRY_LIB_FCGI_INTERNAL_H
#define BELFRY_LIB_FCGI_INTERNAL_H

#include "lib/buf.h"

/* Types of records that a web server sends. */
enum {
	TYPE_BEGIN_REQUEST = 1,
	TYPE_ABORT_REQUEST = 2,
	TYPE_PARAMS = 4,
	TYPE_STDIN = 5
};

static inline size_t fcgi_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Takes the next name-value pair off s; -1: s is cut short. */
int fcgi_next_pair(struct span *s, struct span *name, struct span *value);

#endif
