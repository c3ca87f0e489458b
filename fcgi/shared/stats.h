/*
 * stats: who listens and where the journal stands, over all processes: for
 * GET …/stats and for `belfry stats`.
 */
#ifndef BELFRY_STATS_H
#define BELFRY_STATS_H

#include <stdint.h>

#include "inbox/store.h"
#include "shared/registry.h"

struct config;
struct db;

#define STATS_MAX_BYTES (16u * 1024 * 1024)

struct stats {
	struct registry_survey survey;
	struct store_head head;
	unsigned max_streams, max_streams_per_user;
	int64_t now_ms;
};

/* The registry of a responder, or of whom has none the path of the database.
 * Within a transaction.  stats_fini follows if it is 0. */
struct stats_source {
	const struct config *config;
	const struct registry *registry; /* NULL: see path */
	const char *path;
};
int stats_read(struct stats *out, const struct stats_source *source,
	       struct db *db, struct err *err);
void stats_fini(struct stats *stats);
/* One line of JSON. */
void stats_put(const struct stats *stats, struct buf *json);

#endif
