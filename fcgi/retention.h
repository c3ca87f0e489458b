/*
 * retention: what goes by itself.  Now: notifications that have expired.
 */
#ifndef BELFRY_RETENTION_H
#define BELFRY_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct db;
struct err;

/* Is there something to expire at now_ms?  One look into an index. */
bool retention_due(struct db *db, int64_t now_ms);
/* Deletes what has expired, at most `limit` notifications in one transaction
 * (ordinary `deleted` events follow).  Returns how many, or -1. */
int retention_expire(struct db *db, int64_t now_ms, int limit, struct err *err);

#endif
