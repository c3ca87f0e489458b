/*
 * registry_process: who is there, and waking each other.
 *
 * A process holds the lock that has its number; the kernel frees it however the
 * process ends.  So whoever gets the lock of a number that has a pid knows that
 * this process is dead, and may clear what it left, as nobody else can begin
 * with that number meanwhile.
 *
 * A wake-up is one byte in a FIFO, and a flag that says that it is there, so
 * that a process which is slow to read is not told a thousand times.  Who is
 * woken clears the flag first and reads the journal after it: what was
 * committed before the flag was found set is seen.  All of it is a hint: the
 * tick is what holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mapfile.h"
#include "lib/mem.h"
#include "shared/internal.h"

const struct mapfile_form registry_form = {"registry-1",
					   sizeof(struct registry_layout)};

#define FIFO_NAME_BYTES 32

/* ---- FIFOs ---- */

static char *fifo_path(const struct registry *r, unsigned process)
{
	char name[FIFO_NAME_BYTES];

	snprintf(name, sizeof(name), "wake-%u", process);
	return mapfile_path(r->database, name);
}

static int open_fifo(const char *path)
{
	/* Writing too, or it would be at its end whenever nobody else has it
	 * open. */
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return fd;
	close(fd);
	return -1;
}

/* -1: this file system has none; the tick remains. */
static int make_fifo(const struct registry *r, unsigned process)
{
	char *path = fifo_path(r, process);
	int fd = open_fifo(path);

	if (fd < 0) {
		unlink(path);
		if (mkfifo(path, 0660) == 0)
			chmod(path, 0660); /* past the umask */
		fd = open_fifo(path);
	}
	if (fd < 0)
		log_warn("wake-fifo",
			 "detail=\"%s: %s\" consequence=\"the watcher can't "
			 "wake this process: it looks once a second\"",
			 path, strerror(errno));
	free(path);
	return fd;
}

void registry_wake_process(struct registry *r, struct registry_map *map,
			   unsigned process)
{
	char *path;
	int fd;

	if (atomic_exchange(&map->data->processes[process].woken, 1))
		return;
	path = fifo_path(r, process);
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

/* ---- joining and leaving ---- */

void registry_introduce(struct registry_map *map)
{
	struct registry_process *self = &map->data->processes[map->self];
	uint32_t end = atomic_load(&map->data->process_end);

	while (end <= map->self &&
	       !atomic_compare_exchange_weak(&map->data->process_end, &end,
					     map->self + 1))
		;
	if (atomic_load(&self->pid) == (int32_t)getpid())
		return;
	atomic_store(&self->woken, 0);
	atomic_store(&self->marked, 0);
	atomic_store(&self->watcher, 0);
	atomic_store(&self->started_at, clock_wall_ms());
	atomic_store(&self->pid, (int32_t)getpid());
}

static void free_places(struct registry_layout *data, const bool *dead);

/* A number that nobody has; those that the dead have left come last. */
static int take_number(struct registry_map *map)
{
	struct registry_process *p = map->data->processes;

	for (int left = 0; left < 2; left++) {
		for (unsigned i = 0; i < REGISTRY_PROCESSES; i++) {
			if ((atomic_load(&p[i].pid) != 0) != left ||
			    !mapfile_lock(map->file, i))
				continue;
			map->self = i;
			return 0;
		}
	}
	return -1;
}

/* Whoever had our number, or we ourselves, before. */
static void clear_number(struct registry_map *map)
{
	bool *mine = mem_array(REGISTRY_PROCESSES, sizeof(*mine));

	mine[map->self] = true;
	free_places(map->data, mine);
	free(mine);
	registry_map_leave(map);
}

struct registry_map *registry_map_open(struct registry *r, struct err *err)
{
	struct registry_map *map = mem_new(sizeof(*map));

	map->wake_fd = -1;
	if (mapfile_open(&map->file, r->database, &registry_form, MAPFILE_SHARE,
			 err) < 0)
		goto fail;
	map->data = mapfile_data(map->file);
	if (take_number(map) < 0) {
		err_set(err, ERR_LIMITED, "more than %d processes",
			REGISTRY_PROCESSES);
		goto fail;
	}
	if (atomic_load(&map->data->processes[map->self].pid))
		clear_number(map);
	map->wake_fd = make_fifo(r, map->self);
	registry_introduce(map);
	return map;
fail:
	registry_map_free(map);
	return NULL;
}

struct registry_map *registry_map_private(void)
{
	struct registry_map *map = mem_new(sizeof(*map));

	map->wake_fd = -1;
	map->data = mem_new(sizeof(*map->data));
	registry_introduce(map);
	return map;
}

void registry_map_leave(struct registry_map *map)
{
	struct registry_process *self = &map->data->processes[map->self];

	atomic_store(&self->watcher, 0);
	atomic_store(&self->pid, 0);
}

void registry_map_abandon(struct registry_map *map)
{
	if (map->wake_fd >= 0)
		close(map->wake_fd);
	map->wake_fd = -1;
	if (!map->file)
		return;
	clear_number(map);
	mapfile_unlock(map->file, map->self);
}

void registry_map_free(struct registry_map *map)
{
	if (map->wake_fd >= 0)
		close(map->wake_fd);
	if (map->file)
		mapfile_close(map->file);
	else
		free(map->data);
	free(map);
}

void registry_set_watcher(struct registry *r, bool watcher)
{
	struct registry_map *map = registry_current(r);

	if (map)
		atomic_store(&map->data->processes[map->self].watcher, watcher);
}

/* ---- the dead ---- */

/* Also what belongs to no process at all, which only garbage does: who has a
 * place has said who it is before. */
static void free_places(struct registry_layout *data, const bool *dead)
{
	uint32_t end = atomic_load(&data->stream_end);

	for (uint32_t i = 0; i < end && i < CONFIG_STREAMS_MAX; i++) {
		uint64_t claim = atomic_load(&data->claim[i]);
		unsigned p = registry_process_of(claim);

		if (!claim || (p < REGISTRY_PROCESSES && !dead[p] &&
			       atomic_load(&data->processes[p].pid)))
			continue;
		atomic_store(&data->key[i], 0);
		atomic_compare_exchange_strong(&data->claim[i], &claim, 0);
	}
}

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
		free_places(map->data, dead);
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
