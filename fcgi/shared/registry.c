/*
 * registry: joining, and taking up a new file when the old one was lost.
 */
#include "shared/registry.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mapfile.h"
#include "lib/mem.h"
#include "shared/internal.h"

struct registry *registry_new(const struct registry_options *options)
{
	struct registry *r = mem_new(sizeof(*r));
	/* As the journal has it: what belongs to a database lies beside the
	 * file itself, not beside a link to it. */
	char *real = realpath(options->database, NULL);
	uint32_t serial;

	r->database = real ? real : mem_strdup(options->database);
	r->max_streams = options->max_streams;
	r->max_streams_per_user = options->max_streams_per_user;
	pthread_mutex_init(&r->lock, NULL);
	/* Not where a process began that had our number before. */
	crypto_random(&serial, sizeof(serial));
	atomic_init(&r->serial, serial);
	return r;
}

void registry_free(struct registry *r)
{
	struct registry_map *map, *older;

	if (!r)
		return;
	map = atomic_load(&r->map);
	if (map)
		registry_map_leave(map);
	for (; map; map = older) {
		older = map->older;
		registry_map_free(map);
	}
	pthread_mutex_destroy(&r->lock);
	free(r->database);
	free(r);
}

/* With the lock held. */
static void take_up(struct registry *r, struct registry_map *map)
{
	map->older = atomic_load(&r->map);
	atomic_store(&r->map, map);
}

static struct registry_map *try_open(struct registry *r)
{
	struct registry_map *map;
	struct err err;

	map = registry_map_open(r, &err);
	if (map) {
		if (r->complained)
			log_info("registry-shared", "process=%u", map->self);
		r->complained = false;
		return map;
	}
	if (!r->complained)
		log_warn("registry-alone",
			 "code=%s detail=\"%s\" consequence=\"limits and "
			 "statistics are of this process only\"",
			 err_name(err.code), err.message);
	r->complained = true;
	return NULL;
}

void registry_join(struct registry *r)
{
	struct registry_map *map;

	if (registry_current(r))
		return;
	pthread_mutex_lock(&r->lock);
	if (!registry_current(r)) {
		map = try_open(r);
		take_up(r, map ? map : registry_map_private());
	}
	pthread_mutex_unlock(&r->lock);
}

static bool renew(struct registry *r, struct registry_map *old)
{
	struct registry_map *map = try_open(r);

	if (!map && !old->file)
		return false;
	/* Streams of ours find out in registry_keep. */
	take_up(r, map ? map : registry_map_private());
	registry_map_abandon(old);
	return true;
}

bool registry_tick(struct registry *r)
{
	struct registry_map *map = registry_current(r);
	bool renewed = false;

	if (!map)
		return false;
	pthread_mutex_lock(&r->lock);
	if (!map->file || mapfile_lost(map->file))
		renewed = renew(r, map);
	else
		registry_introduce(map);
	pthread_mutex_unlock(&r->lock);
	return renewed;
}

/* ---- this process ---- */

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
