/*
 * internal: what lies in the registry's shared file, and what its files share:
 * registry_map.c at the bottom, registry_process.c and registry_place.c on it,
 * registry.c and registry_survey.c above.
 */
#ifndef BELFRY_REGISTRY_INTERNAL_H
#define BELFRY_REGISTRY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "config/config.h"
#include "shared/registry.h"

#define REGISTRY_PROCESSES  4096
#define REGISTRY_NAME_WORDS (REGISTRY_NAME_BYTES / 8)

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "processes can't share a lock that is in libatomic");

struct mapfile;

/* A process that has, or may have, streams.  It is alive as long as lock number
 * `its index` of the file is held. */
struct registry_process {
	_Atomic int32_t pid;	 /* 0: free */
	_Atomic uint32_t woken;	 /* a byte is in its FIFO */
	_Atomic uint32_t marked; /* some of its streams are to be evicted */
	_Atomic uint32_t watcher;
	_Atomic int64_t started_at; /* Unix ms */
	_Atomic uint64_t unused[5];
};

/* Places are arrays side by side, because they are searched by claim or by key
 * and most of the rest is never looked at.  Only the first max_streams of them
 * are given away: that is how the limit is kept. */
struct registry_layout {
	/* Above these nothing was ever taken. */
	_Atomic uint32_t process_end, stream_end;
	struct registry_process processes[REGISTRY_PROCESSES];
	/* 0: free.  Process + 1 in the upper 16 bits, then a number that this
	 * process has not used before, then "to be evicted". */
	_Atomic uint64_t claim[CONFIG_STREAMS_MAX];
	/* The user's hash; 0: not said yet. */
	_Atomic uint64_t key[CONFIG_STREAMS_MAX];
	_Atomic int64_t opened_ns[CONFIG_STREAMS_MAX]; /* monotonic */
	_Atomic uint64_t name[CONFIG_STREAMS_MAX][REGISTRY_NAME_WORDS];
};

#define REGISTRY_MARK UINT64_C(1)

static inline unsigned registry_process_of(uint64_t claim)
{
	return (unsigned)(claim >> 48) - 1; /* may be out of range: garbage */
}

/* The file as this process has it.  Old ones are kept until the end, as another
 * thread may be in them. */
struct registry_map {
	struct registry_map *older;
	struct mapfile *file; /* NULL: memory of our own */
	struct registry_layout *data;
	unsigned self; /* our index in processes */
	/* Below are, as far as this process knows, no free places. */
	atomic_uint free_from;
	int wake_fd; /* our FIFO, or -1 */
};

struct registry {
	char *database;
	unsigned max_streams, max_streams_per_user;
	_Atomic(struct registry_map *) map; /* NULL: not joined */
	atomic_uint_fast64_t serial;
	pthread_mutex_t lock; /* joining, reaping: never while waiting */
	bool complained;
	atomic_bool draining, unusable;
};

/* ---- registry_map.c ---- */

uint64_t registry_key(struct span user); /* never 0 */
struct registry_map *registry_current(const struct registry *r);
/* The FIFO of that process; the caller frees. */
char *registry_fifo_path(const struct registry *r, unsigned process);

/* The rest is called with the lock held. */
struct registry_map *registry_map_open(struct registry *r, struct err *err);
struct registry_map *registry_map_private(void);
void registry_map_leave(struct registry_map *map);
/* Another one takes its place.  Nothing of ours stays in it, as its folder may
 * only have been moved away for a moment. */
void registry_map_abandon(struct registry_map *map);
void registry_map_free(struct registry_map *map);
/* Says who we are, again where that was overwritten. */
void registry_introduce(struct registry_map *map);
/* Frees the places of the processes that are `dead` (REGISTRY_PROCESSES of
 * them), and those of no process at all, which only garbage has: a process that
 * has a place has said who it is before. */
void registry_free_places(struct registry_layout *data, const bool *dead);

extern const struct mapfile_form registry_form;

/* ---- registry_process.c ---- */

/* A byte for that process, unless one is on its way. */
void registry_wake_process(struct registry *r, struct registry_map *map,
			   unsigned process);

#endif
