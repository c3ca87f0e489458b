/*
 * open: what a worker hands to the hub when a request becomes a stream.
 */
#ifndef BELFRY_STREAM_OPEN_H
#define BELFRY_STREAM_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "lib/buf.h"
#include "shared/registry.h"

#define STREAM_OPEN_ID_BYTES 65

struct stream_open {
	struct registry *registry;
	struct registry_place place; /* there; the hub takes it over */
	struct identity identity;    /* moved in */
	int64_t cursor;		     /* last journal row that is dealt with */
	int64_t checked;      /* journal head of the snapshot that checked the
				 credential: later revocations are the hub's */
	char *types;	      /* ?type=a,b as given, or NULL */
	int64_t min_priority; /* 0: all */
	bool poll;	      /* end after the first that is due */
	char request_id[STREAM_OPEN_ID_BYTES]; /* for the log */
	bool due; /* the first bytes already hold something that is */
};

void stream_open_free(struct stream_open *open); /* NULL is fine */

#endif
