/*
 * report: what came of a run, as one JSON object on stdout.
 */
#include <inttypes.h>
#include <stdio.h>

#include "load.h"

struct sums {
	uint64_t expected, received, doubled, disordered, strange;
	unsigned complete;
};

static struct sums sum(const struct load *load)
{
	struct sums s = {0};

	for (unsigned i = 0; i < load->count; i++) {
		const struct tally *t = &load->clients[i].tally;

		s.expected += t->expected;
		s.received += t->received;
		s.doubled += t->doubled;
		s.disordered += t->disordered;
		s.strange += t->strange;
		s.complete += t->received == t->expected;
	}
	return s;
}

bool report_correct(const struct load *load)
{
	const struct publisher *p = &load->publisher;
	struct sums s = sum(load);
	/* Several connections overtake each other, which only ids tell from
	 * a server's disorder. */
	bool ordered = load->options->connections > 1 || s.disordered == 0;

	return s.received == s.expected && s.doubled == p->again &&
	       s.strange == 0 && ordered && load->ids_disordered == 0 &&
	       load->refused == 0 && p->failed == 0 &&
	       load->ready == load->count;
}

static void put_number(struct text *out, const char *name, uint64_t value)
{
	text_addf(out, "\"%s\":%" PRIu64 ",", name, value);
}

static void put_ms(struct text *out, const char *name, int64_t ns)
{
	text_addf(out, "\"%s\":%.3f,", name, (double)ns / 1e6);
}

static void put_histogram(struct text *out, const char *name,
			  const struct histogram *h)
{
	if (!h->total)
		return;
	text_addf(out, "\"%s\":", name);
	histogram_json(h, out);
	text_addf(out, ",");
}

static void put_publisher(struct text *out, const struct publisher *p)
{
	double seconds = (double)(p->finished_ns - p->started_ns) / 1e9;

	text_addf(out, "\"publisher\":{");
	put_number(out, "answered", p->answered);
	put_number(out, "failed", p->failed);
	put_number(out, "again", p->again);
	put_ms(out, "lateMs", p->late_ns);
	text_addf(out, "\"error\":\"%s\",\"seconds\":%.6f},", p->error,
		  seconds);
}

static void put_counts(struct text *out, const struct load *load)
{
	struct sums s = sum(load);

	put_number(out, "streams", load->count);
	put_number(out, "ready", load->ready);
	put_number(out, "complete", s.complete);
	put_number(out, "expected", s.expected);
	put_number(out, "received", s.received);
	put_number(out, "lost", s.expected - s.received);
	put_number(out, "doubled", s.doubled);
	put_number(out, "disordered", s.disordered);
	put_number(out, "idsDisordered", load->ids_disordered);
	put_number(out, "strange", s.strange);
	put_number(out, "refused", load->refused);
	put_number(out, "ended", load->ended);
	put_number(out, "bytes", load->stream_bytes);
	put_number(out, "reads", load->reads);
	text_addf(out, "\"refusal\":\"%s\",", load->refusal);
}

/* From commit or answer to the first client that has it. */
static void put_answered_to_client(struct text *out, struct load *load)
{
	static struct histogram h;

	for (uint64_t n = 0; n < load->publisher.total; n++)
		if (load->first_ns[n] && load->publisher.answered_ns[n])
			histogram_add(&h, load->first_ns[n] -
					      load->publisher.answered_ns[n]);
	put_histogram(out, "answeredToClient", &h);
}

void report_print(struct load *load)
{
	struct text out = {NULL, 0, 0};

	text_addf(&out, "{\"openMs\":%.1f,", load->opened_ms);
	put_counts(&out, load);
	put_publisher(&out, &load->publisher);
	/* From the first message to the last delivery. */
	if (load->last_ns)
		put_ms(&out, "spanMs",
		       load->last_ns - load->publisher.started_ns);
	if (load->options->scenario == SCENARIO_RESUME)
		put_ms(&out, "resumeMs", load->last_ns - load->begin_ns);
	if (load->back_ns && load->down_ns)
		put_ms(&out, "allBackMs", load->back_ns - load->down_ns);
	put_histogram(&out, "latency", &load->latency);
	put_answered_to_client(&out, load);
	put_histogram(&out, "back", &load->back);
	put_histogram(&out, "caughtUp", &load->caught_up);
	text_addf(&out, "\"correct\":%s,\"machine\":",
		  report_correct(load) ? "true" : "false");
	machine_json(load->options, &load->before, &load->after, &out);
	text_addf(&out, "}");
	puts(out.data);
	text_fini(&out);
}
