/*
 * registry_survey: who is there, for people.  A snapshot that nobody stops for:
 * a stream that comes or goes meanwhile is in it or not.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/mapfile.h"
#include "lib/mem.h"
#include "shared/internal.h"

struct looking {
	const struct registry_layout *data;
	const struct mapfile *file; /* NULL: one process */
	int self;		    /* ours, or -1 */
	struct registry_survey *out;
	int peer_of[REGISTRY_PROCESSES]; /* index in out->processes, or -1 */
};

static void look_at_processes(struct looking *l)
{
	uint32_t end = atomic_load(&l->data->process_end);

	for (uint32_t i = 0; i < REGISTRY_PROCESSES; i++) {
		const struct registry_process *p = &l->data->processes[i];
		int pid = i < end ? atomic_load(&p->pid) : 0;

		l->peer_of[i] = -1;
		if (!pid || ((int)i != l->self && l->file &&
			     !mapfile_locked(l->file, i)))
			continue;
		l->peer_of[i] = (int)l->out->process_count;
		l->out->processes[l->out->process_count++] =
		    (struct registry_peer){
			.pid = pid,
			.started_at = atomic_load(&p->started_at),
			.watcher = atomic_load(&p->watcher),
		    };
	}
}

static void look_at_stream(struct looking *l, uint32_t i)
{
	struct registry_user *user = &l->out->users[l->out->user_count];
	uint64_t words[REGISTRY_NAME_WORDS];
	uint64_t claim = atomic_load(&l->data->claim[i]);
	unsigned p = registry_process_of(claim);

	if (!claim || (claim & REGISTRY_MARK) || p >= REGISTRY_PROCESSES ||
	    l->peer_of[p] < 0)
		return;
	user->key = atomic_load(&l->data->key[i]);
	for (int w = 0; w < REGISTRY_NAME_WORDS; w++)
		words[w] = atomic_load(&l->data->name[i][w]);
	memcpy(user->name, words, sizeof(user->name));
	user->name[sizeof(user->name) - 1] = '\0';
	if (!user->key || atomic_load(&l->data->claim[i]) != claim)
		return; /* it comes, or went */
	user->streams = 1;
	l->out->user_count++;
	l->out->streams++;
	l->out->processes[l->peer_of[p]].streams++;
}

static int by_key(const void *a, const void *b)
{
	const struct registry_user *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static int by_streams(const void *a, const void *b)
{
	const struct registry_user *x = a, *y = b;

	if (x->streams != y->streams)
		return x->streams < y->streams ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int by_age(const void *a, const void *b)
{
	const struct registry_peer *x = a, *y = b;

	return (x->started_at > y->started_at) -
	       (x->started_at < y->started_at);
}

static void group_users(struct registry_survey *out)
{
	unsigned n = 0;

	qsort(out->users, out->user_count, sizeof(*out->users), by_key);
	for (unsigned i = 0; i < out->user_count; i++) {
		if (n && out->users[n - 1].key == out->users[i].key)
			out->users[n - 1].streams++;
		else
			out->users[n++] = out->users[i];
	}
	out->user_count = n;
	qsort(out->users, n, sizeof(*out->users), by_streams);
}

static void survey(const struct registry_layout *data,
		   const struct mapfile *file, int self,
		   struct registry_survey *out)
{
	struct looking *l = mem_new(sizeof(*l));
	uint32_t end = atomic_load(&data->stream_end);

	if (end > CONFIG_STREAMS_MAX)
		end = CONFIG_STREAMS_MAX;
	*l = (struct looking){.data = data, .file = file, .self = self};
	l->out = out;
	out->processes = mem_array(REGISTRY_PROCESSES, sizeof(*out->processes));
	out->users = mem_array((size_t)end + 1, sizeof(*out->users));
	look_at_processes(l);
	for (uint32_t i = 0; i < end; i++)
		look_at_stream(l, i);
	group_users(out);
	qsort(out->processes, out->process_count, sizeof(*out->processes),
	      by_age);
	free(l);
}

void registry_survey(const struct registry *r, struct registry_survey *out)
{
	const struct registry_map *map = registry_current(r);

	memset(out, 0, sizeof(*out));
	if (map)
		survey(map->data, map->file, (int)map->self, out);
	else
		registry_survey_database(r->database, out, NULL);
}

int registry_survey_database(const char *database, struct registry_survey *out,
			     struct err *err)
{
	char *real = realpath(database, NULL);
	struct mapfile *file;
	struct err why;
	int result;

	memset(out, 0, sizeof(*out));
	result = mapfile_open(&file, real ? real : database, &registry_form,
			      MAPFILE_LOOK, &why);
	free(real);
	if (result == 0) {
		survey(mapfile_data(file), file, -1, out);
		mapfile_close(file);
		return 0;
	}
	if (why.code == ERR_NOT_FOUND)
		return 0;
	return err_set(err, why.code, "%s", why.message);
}

void registry_survey_fini(struct registry_survey *survey)
{
	free(survey->users);
	free(survey->processes);
	memset(survey, 0, sizeof(*survey));
}
