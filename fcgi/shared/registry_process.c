/*
 * registry_process: who is there, who is dead, and waking each other.
 *
 * A process holds the lock that has its number.  The kernel frees the lock
 * however the process ends.  So whoever gets the lock of a number that has a
 * pid knows that this process is dead, and may clear its places: nobody else
 * can begin with that number meanwhile.
 *
 * A wake-up is one byte in a FIFO, and a flag that says that the byte is there,
 * so that a process which is slow to read is not told a thousand times.  A
 * process that is woken clears the flag first and reads the journal after it:
 * so it sees what was committed before the flag was found set.  All of it is a
 * hint: the tick is what holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/mapfile.h"
#include "lib/mem.h"
#include "shared/internal.h"

void registry_wake_process(struct registry *r, struct registry_map *map,
			   unsigned process)
{
	char *path;
	int fd;

	if (atomic_exchange(&map->data->processes[process].woken, 1))
		return;
	path = registry_fifo_path(r, process);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	/* Whatever fails here: it looks by itself within a tick. */
	if (fd >= 0) {
		if (write(fd, "", 1) < 0)
			errno = 0;
		close(fd);
	}
	free(path);
}

int registry_wake_fd(const struct registry *r)
{
	const struct registry_map *map = registry_current(r);

	return map ? map->wake_fd : -1;
}

bool registry_woken(const struct registry *r)
{
	const struct registry_map *map = registry_current(r);

	return map && atomic_load(&map->data->processes[map->self].woken);
}

bool registry_take_wake(struct registry *r)
{
	struct registry_map *map = registry_current(r);
	struct registry_process *self;
	char bytes[256];

	if (!map)
		return false;
	while (map->wake_fd >= 0 &&
	       read(map->wake_fd, bytes, sizeof(bytes)) > 0)
		;
	self = &map->data->processes[map->self];
	atomic_store(&self->woken, 0);
	return atomic_exchange(&self->marked, 0);
}

void registry_set_watcher(struct registry *r, bool watcher)
{
	struct registry_map *map = registry_current(r);

	if (map)
		atomic_store(&map->data->processes[map->self].watcher, watcher);
}

/* ---- the dead ---- */

void registry_reap(struct registry *r)
{
	struct registry_map *map = registry_current(r);
	struct registry_process *p;
	uint32_t end;
	bool *dead, any = false;

	if (!map || !map->file)
		return;
	p = map->data->processes;
	end = atomic_load(&map->data->process_end);
	dead = mem_array(REGISTRY_PROCESSES, sizeof(*dead));
	pthread_mutex_lock(&r->lock);
	/* Its lock is ours now: nobody takes the number before we are done. */
	for (uint32_t i = 0; i < end && i < REGISTRY_PROCESSES; i++)
		if (i != map->self && atomic_load(&p[i].pid) &&
		    mapfile_lock(map->file, i))
			any = dead[i] = true;
	if (any)
		registry_free_places(map->data, dead);
	for (uint32_t i = 0; any && i < REGISTRY_PROCESSES; i++) {
		if (!dead[i])
			continue;
		atomic_store(&p[i].pid, 0);
		mapfile_unlock(map->file, i);
	}
	pthread_mutex_unlock(&r->lock);
	free(dead);
}

/* ---- waking ---- */

void registry_crowd_add(struct registry_crowd *crowd, struct span user)
{
	uint64_t key = registry_key(user);

	crowd->anybody = true;
	crowd->bits[key >> 6 & 63] |= UINT64_C(1) << (key & 63);
}

bool registry_has_others(const struct registry *r)
{
	const struct registry_map *map = registry_current(r);
	uint32_t end = map ? atomic_load(&map->data->process_end) : 0;

	for (uint32_t i = 0; i < end && i < REGISTRY_PROCESSES; i++)
		if (i != map->self && atomic_load(&map->data->processes[i].pid))
			return true;
	return false;
}

static bool is_in(const struct registry_crowd *crowd, uint64_t key)
{
	return crowd->everybody || crowd->bits[key >> 6 & 63] >> (key & 63) & 1;
}

void registry_wake(struct registry *r, const struct registry_crowd *crowd)
{
	struct registry_map *map = registry_current(r);
	uint32_t end = map ? atomic_load(&map->data->stream_end) : 0;

	for (uint32_t i = 0; i < end && i < CONFIG_STREAMS_MAX; i++) {
		uint64_t key = atomic_load(&map->data->key[i]);
		unsigned p;

		if (!key || !is_in(crowd, key))
			continue;
		p = registry_process_of(atomic_load(&map->data->claim[i]));
		if (p < REGISTRY_PROCESSES && p != map->self)
			registry_wake_process(r, map, p);
	}
}

void registry_wake_heir(struct registry *r)
{
	struct registry_map *map = registry_current(r);
	uint32_t end = map ? atomic_load(&map->data->process_end) : 0;

	for (uint32_t i = 0; i < end && i < REGISTRY_PROCESSES; i++)
		if (i != map->self &&
		    atomic_load(&map->data->processes[i].pid) &&
		    mapfile_locked(map->file, i)) {
			registry_wake_process(r, map, i);
			return;
		}
}
