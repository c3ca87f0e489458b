/*
 * registry: what all threads, and later all processes, share about streams: how
 * many there are, and whether new ones are taken.
 *
 * Any thread; nothing blocks.
 */
#ifndef BELFRY_REGISTRY_H
#define BELFRY_REGISTRY_H

#include <stdbool.h>

struct registry;

struct registry *registry_new(unsigned max_streams);
void registry_free(struct registry *r); /* NULL is fine */

/* Takes a place for one stream; false when all are taken.  Whoever gets one
 * gives it back with registry_release. */
bool registry_reserve(struct registry *r);
void registry_release(struct registry *r);
unsigned registry_streams(const struct registry *r);

/* Can rows be followed now?  If not, a stream would stay silent for ever: none
 * is opened, readiness says 503. */
void registry_set_usable(struct registry *r, bool usable);
bool registry_usable(const struct registry *r);

/* Draining: no new streams, readiness says 503. One way. */
void registry_drain(struct registry *r);
bool registry_draining(const struct registry *r);

#endif
