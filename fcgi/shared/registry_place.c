/*
 * registry_place: places of streams, and which one goes when a user has too
 * many.
 *
 * A place is taken by one compare-and-swap on its claim and described after
 * that, its key last: who looks for a user's streams never finds one that is
 * not his.  Claims are never the same twice, so a place that was lost and is
 * somebody else's now is neither freed nor marked by mistake.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/mapfile.h"
#include "lib/utf8.h"
#include "shared/internal.h"

static uint64_t new_claim(struct registry *r, const struct registry_map *map)
{
	uint64_t serial = atomic_fetch_add(&r->serial, 1);

	return (uint64_t)(map->self + 1) << 48 |
	       (serial & ((UINT64_C(1) << 47) - 1)) << 1;
}

static void describe(struct registry_layout *data, uint32_t i, struct span user,
		     int64_t opened_ns)
{
	uint64_t words[REGISTRY_NAME_WORDS] = {0};
	uint32_t end = atomic_load(&data->stream_end);
	char name[REGISTRY_NAME_BYTES] = {0};

	utf8_line(name, sizeof(name), user);
	memcpy(words, name, sizeof(words));
	for (int w = 0; w < REGISTRY_NAME_WORDS; w++)
		atomic_store(&data->name[i][w], words[w]);
	atomic_store(&data->opened_ns[i], opened_ns);
	while (end <= i &&
	       !atomic_compare_exchange_weak(&data->stream_end, &end, i + 1))
		;
	atomic_store(&data->key[i], registry_key(user));
}

/* The first free place from `first` on. */
static bool claim_from(struct registry *r, struct registry_map *map,
		       uint32_t first, struct registry_place *out)
{
	struct registry_layout *data = map->data;
	uint64_t claim = new_claim(r, map);

	for (uint32_t i = first; i < r->max_streams && i < CONFIG_STREAMS_MAX;
	     i++) {
		uint64_t none = 0;

		if (atomic_load(&data->claim[i]) ||
		    !atomic_compare_exchange_strong(&data->claim[i], &none,
						    claim))
			continue;
		atomic_store(&map->free_from, i + 1);
		*out = (struct registry_place){claim, i};
		return true;
	}
	return false;
}

/* Begins where this process took or freed one last: from the first on, each of
 * 10,000 streams would cost a look at 5,000 places.  What others have freed
 * below is found when there is nothing left above. */
static bool take(struct registry *r, struct span user, int64_t opened_ns,
		 struct registry_place *out)
{
	struct registry_map *map = registry_current(r);
	uint32_t first = atomic_load(&map->free_from);

	if (!claim_from(r, map, first, out) &&
	    !(first && claim_from(r, map, 0, out)))
		return false;
	describe(map->data, out->index, user, opened_ns);
	return true;
}

bool registry_reserve(struct registry *r, struct span user,
		      struct registry_place *out)
{
	int64_t now = clock_mono_ns();

	registry_join(r);
	if (take(r, user, now, out))
		return true;
	/* Some of those may be dead. */
	registry_reap(r);
	return take(r, user, now, out);
}

/* Is it still what we took, marked or not? */
static bool is_ours(const struct registry_layout *data,
		    const struct registry_place *place)
{
	return place->claim && place->index < CONFIG_STREAMS_MAX &&
	       (atomic_load(&data->claim[place->index]) & ~REGISTRY_MARK) ==
		   place->claim;
}

void registry_release(struct registry *r, struct registry_place *place)
{
	struct registry_map *map = registry_current(r);

	if (map && is_ours(map->data, place)) {
		atomic_store(&map->data->key[place->index], 0);
		atomic_store(&map->data->claim[place->index], 0);
		if (place->index < atomic_load(&map->free_from))
			atomic_store(&map->free_from, place->index);
	}
	place->claim = 0;
}

bool registry_keep(struct registry *r, struct span user, int64_t opened_ns,
		   struct registry_place *place)
{
	const struct registry_map *map = registry_current(r);

	if (is_ours(map->data, place) &&
	    atomic_load(&map->data->key[place->index]))
		return true;
	registry_release(r, place);
	return take(r, user, opened_ns, place);
}

bool registry_evicted(const struct registry *r,
		      const struct registry_place *place)
{
	const struct registry_map *map = registry_current(r);

	return is_ours(map->data, place) &&
	       (atomic_load(&map->data->claim[place->index]) & REGISTRY_MARK);
}

/* ---- the newest wins ---- */

/* Counts a user's streams that are not marked; the oldest of them. */
static unsigned count(const struct registry_layout *data, uint64_t key,
		      uint32_t *oldest, uint64_t *its_claim)
{
	uint32_t end = atomic_load(&data->stream_end);
	int64_t first = INT64_MAX;
	unsigned n = 0;

	for (uint32_t i = 0; i < end && i < CONFIG_STREAMS_MAX; i++) {
		uint64_t claim;
		int64_t opened;

		if (atomic_load(&data->key[i]) != key)
			continue;
		claim = atomic_load(&data->claim[i]);
		if (!claim || (claim & REGISTRY_MARK))
			continue;
		n++;
		opened = atomic_load(&data->opened_ns[i]);
		if (opened >= first)
			continue;
		first = opened;
		*oldest = i;
		*its_claim = claim;
	}
	return n;
}

void registry_evict(struct registry *r, struct span user)
{
	struct registry_map *map = registry_current(r);
	uint64_t key = registry_key(user), claim = 0;
	bool reaped = false;
	uint32_t oldest = 0;

	while (count(map->data, key, &oldest, &claim) >
	       r->max_streams_per_user) {
		unsigned p = registry_process_of(claim);

		/* The dead do not count. */
		if (!reaped) {
			registry_reap(r);
			reaped = true;
			continue;
		}
		/* It went, or another process was first: count again. */
		if (!atomic_compare_exchange_strong(&map->data->claim[oldest],
						    &claim,
						    claim | REGISTRY_MARK) ||
		    p >= REGISTRY_PROCESSES)
			continue;
		atomic_store(&map->data->processes[p].marked, 1);
		if (p != map->self)
			registry_wake_process(r, map, p);
	}
}

unsigned registry_streams(const struct registry *r)
{
	const struct registry_map *map = registry_current(r);
	uint32_t end = map ? atomic_load(&map->data->stream_end) : 0;
	unsigned n = 0;

	for (uint32_t i = 0; i < end && i < CONFIG_STREAMS_MAX; i++)
		n += atomic_load(&map->data->claim[i]) != 0;
	return n;
}
