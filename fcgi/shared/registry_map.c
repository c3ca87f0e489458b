/*
 * registry_map: the shared file as this process has it: its number, its FIFO.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/mapfile.h"
#include "lib/mem.h"
#include "shared/internal.h"

#define FIFO_NAME_BYTES 32

const struct mapfile_form registry_form = {"registry-1",
					   sizeof(struct registry_layout)};

struct registry_map *registry_current(const struct registry *r)
{
	return atomic_load(&r->map);
}

uint64_t registry_key(struct span user)
{
	unsigned char hash[CRYPTO_SHA256_BYTES];
	uint64_t key;

	/* One that nobody can find a second user id for, to throw the first one
	 * out with. */
	crypto_sha256(user, hash);
	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

/* ---- FIFOs ---- */

char *registry_fifo_path(const struct registry *r, unsigned process)
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
	char *path = registry_fifo_path(r, process);
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

void registry_free_places(struct registry_layout *data, const bool *dead)
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
	registry_free_places(map->data, mine);
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
