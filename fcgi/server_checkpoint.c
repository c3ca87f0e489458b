/*
 * server_checkpoint: moving what is in the -wal into the database, off the path
 * of commits.
 *
 * SQLite's own way is that the commit which fills the -wal copies all of it and
 * waits for the disk twice: requests of that group, and those behind it, wait
 * for some 10 ms.  So a thread does that while the writer goes on.  But the
 * -wal starts from its beginning again only when a transaction begins with
 * nothing left to copy, and under load something is committed during each copy.
 * So when the thread is done, the writer copies the little that has come
 * meanwhile, between two groups, after the answers.  That bounds the -wal.
 *
 * The thread is IDLE -> (the -wal is long) SWEEPING -> SWEPT -> (the rest is
 * copied) IDLE.
 */
#include "api.h"
#include "lib/mem.h"
#include "server_internal.h"

#define CACHE_KIB  64
#define LONG_PAGES 4000 /* 16 MB */
/* It copies for 20 ms at a time, and nobody waits for it: on a CPU that it
 * shares with the loop or the writer, it is they that go first. */
#define NICE 10
/* The second round copies what came during the first, and so on. */
#define ROUNDS 2

enum { IDLE, SWEEPING, SWEPT };

static void sweep(struct job *job, struct api *api)
{
	struct checkpoint *c = CONTAINER_OF(job, struct checkpoint, job);

	for (int i = 0; i < ROUNDS; i++)
		api_checkpoint(api);
	atomic_store(&c->state, SWEPT);
}

int checkpoint_start(struct server *server, struct err *err)
{
	const struct workers_options options = {
	    .threads = 1, .nice = NICE, .cache_kib = CACHE_KIB};

	server->checkpoint.job.run = sweep;
	return workers_start(&server->checkpointer, &options, server->config,
			     server->registry, err);
}

void checkpoint_after_commit(struct server *server, struct api *api)
{
	struct checkpoint *c = &server->checkpoint;

	if (!server->checkpointer || api_wal_pages(api) < LONG_PAGES)
		return;
	switch (atomic_load(&c->state)) {
	case IDLE:
		atomic_store(&c->state, SWEEPING);
		workers_submit(server->checkpointer, &c->job);
		return;
	case SWEPT:
		api_checkpoint(api);
		atomic_store(&c->state, IDLE);
		return;
	}
}
