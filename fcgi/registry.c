/*
 * registry: counters of one process.  A place is taken by compare-and-swap, so
 * that max_streams is exact however many workers ask at once.
 */
#include "registry.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "lib/mem.h"

struct registry {
	unsigned max_streams;
	atomic_uint streams;
	atomic_bool draining, unusable;
};

struct registry *registry_new(unsigned max_streams)
{
	struct registry *r = mem_new(sizeof(*r));

	r->max_streams = max_streams;
	return r;
}

void registry_free(struct registry *r)
{
	free(r);
}

bool registry_reserve(struct registry *r)
{
	unsigned n = atomic_load(&r->streams);

	while (n < r->max_streams)
		if (atomic_compare_exchange_weak(&r->streams, &n, n + 1))
			return true;
	return false;
}

void registry_release(struct registry *r)
{
	atomic_fetch_sub(&r->streams, 1);
}

unsigned registry_streams(const struct registry *r)
{
	return atomic_load(&r->streams);
}

void registry_set_usable(struct registry *r, bool usable)
{
	atomic_store(&r->unusable, !usable);
}

bool registry_usable(const struct registry *r)
{
	return !atomic_load(&r->unusable);
}

void registry_drain(struct registry *r)
{
	atomic_store(&r->draining, true);
}

bool registry_draining(const struct registry *r)
{
	return atomic_load(&r->draining);
}
