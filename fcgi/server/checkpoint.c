/*
 * checkpoint: moving what is in the -wal into the database, off the path
 * of commits.
 *
 * SQLite's own way is that the commit which fills the -wal copies all of it and
 * waits for the disk twice: requests of that group, and those behind it, wait
 * for some 10 ms.  So a thread does that while the writer goes on.  But the
 * -wal starts from its beginning again only when a transaction begins with
 * nothing left to copy, and under load something is committed during each copy.
 * So when the thread is done, the writer copies the little that has come
 * meanwhile, between two groups, after the answers.  And a thread that is slow
 * (a busy machine, a slow disk) is waited for once as much again has come.
 * That bounds the -wal.
 */
#include <errno.h>

#include "api/api.h"
#include "lib/mem.h"
#include "server/internal.h"

#define CACHE_KIB  64
#define LONG_PAGES 4000 /* 16 MB */
/* It copies for 20 ms at a time, and nobody waits for it: on a CPU that it
 * shares with the loop or the writer, it is they that go first. */
#define NICE 10
/* The second round copies what came during the first, and so on. */
#define ROUNDS 2

static void sweep(struct job *job, struct api *api)
{
	struct checkpoint *c = CONTAINER_OF(job, struct checkpoint, job);

	for (int i = 0; i < ROUNDS; i++)
		api_checkpoint(api);
	sem_post(&c->swept);
}

int checkpoint_start(struct server *server, struct err *err)
{
	const struct workers_options options = {
	    .threads = 1, .nice = NICE, .cache_kib = CACHE_KIB};

	server->checkpoint.job.run = sweep;
	sem_init(&server->checkpoint.swept, 0, 0);
	return workers_start(&server->checkpointer, &options, server->config,
			     server->registry, err);
}

/* Whether the thread is done; where too much has come meanwhile, once it is. */
static bool is_swept(struct checkpoint *c, int pages)
{
	int rc;

	do
		rc = pages - c->began_pages < LONG_PAGES
			 ? sem_trywait(&c->swept)
			 : sem_wait(&c->swept);
	while (rc < 0 && errno == EINTR);
	return rc == 0;
}

void checkpoint_after_commit(struct server *server, struct api *api)
{
	struct checkpoint *c = &server->checkpoint;
	int pages = api_wal_pages(api);

	if (!server->checkpointer || pages < LONG_PAGES)
		return;
	if (!c->sweeping) {
		c->sweeping = true;
		c->began_pages = pages;
		workers_submit(server->checkpointer, &c->job);
	} else if (is_swept(c, pages)) {
		api_checkpoint(api);
		c->sweeping = false;
	}
}
