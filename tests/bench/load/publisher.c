/*
 * publisher: what both kinds share.
 *
 * The clock value in a payload is that of sending, not of being due: a
 * publisher that is held up by a slow server shows in its own figures
 * (`seconds`, `lateMs`).
 */
#include "publisher.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

void publisher_init(struct publisher *p, const struct options *options,
		    uint64_t total)
{
	memset(p, 0, sizeof(*p));
	p->options = options;
	p->total = total;
	p->answered_ns =
	    need(calloc((size_t)total + 1, sizeof(*p->answered_ns)));
	atomic_init(&p->done, true);
	atomic_init(&p->stop, false);
}

void publisher_fini(struct publisher *p)
{
	free(p->answered_ns);
	text_fini(&p->payload);
	text_fini(&p->scratch);
}

static void *run(void *context)
{
	struct publisher *p = context;

	if (p->options->via == VIA_SQL)
		publish_sql(p);
	else
		publish_post(p);
	p->finished_ns = clock_ns();
	atomic_store(&p->done, true);
	return NULL;
}

void publisher_start(struct publisher *p, uint64_t first, uint64_t end)
{
	p->first = first;
	p->end = end;
	p->started_ns = clock_ns();
	atomic_store(&p->done, false);
	if (pthread_create(&p->thread, NULL, run, p) != 0)
		die("no thread for the publisher");
}

void publisher_join(struct publisher *p)
{
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
	atomic_store(&p->stop, false);
}

bool publisher_done(struct publisher *p)
{
	return atomic_load(&p->done);
}

int64_t publisher_due_ns(const struct publisher *p, uint64_t n)
{
	if (p->options->rate <= 0)
		return 0;
	return p->started_ns +
	       (int64_t)((double)(n - p->first) / p->options->rate * 1e9);
}

const char *publisher_payload(struct publisher *p, uint64_t n)
{
	struct text *t = &p->payload;
	size_t pad;

	text_reset(t);
	text_addf(t, "{\"t\":%" PRId64 ",\"n\":%" PRIu64 ",\"pad\":\"",
		  clock_ns(), n);
	pad = p->options->size - 2 - t->len;
	memset(text_room(t, pad), 'x', pad);
	t->len += pad;
	text_add(t, "\"}", 3);
	return t->data;
}

const char *publisher_user(const struct publisher *p, uint64_t n,
			   char name[static 24])
{
	if (p->options->everyone)
		return p->options->everyone_id;
	options_user(p->options, (unsigned)(n % p->options->users), name);
	return name;
}

void publisher_answered(struct publisher *p, uint64_t n, uint64_t count)
{
	int64_t now = clock_ns();

	for (uint64_t i = n; i < n + count; i++)
		atomic_store_explicit(&p->answered_ns[i], now,
				      memory_order_relaxed);
	p->answered += count;
}

void publisher_failed(struct publisher *p, uint64_t count, const char *what)
{
	p->failed += count;
	if (!p->error[0])
		snprintf(p->error, sizeof(p->error), "%s", what);
}
