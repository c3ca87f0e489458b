/*
 * scenario: what is done with the streams, in which order.
 *
 * Time and memory of the servers are taken when all streams are open and
 * again when the last message has come, so that opening does not count.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define NS_PER_MS 1000000
#define TURN_MS	  20
#define LINGER_MS 200 /* for doubled ones that come late */

/* What is still to happen while messages are published. */
struct plan {
	int64_t cut_ms[OPTIONS_MANY];
	unsigned cuts, next_cut;
	bool killed;
};

static void make_plan(const struct options *o, struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	for (unsigned i = 0; i < o->cut_at.n; i++)
		plan->cut_ms[plan->cuts++] = atoll(o->cut_at.items[i]);
	plan->killed = !o->kill_pid;
}

static void follow_plan(struct load *load, struct plan *plan)
{
	const struct options *o = load->options;
	int64_t ms = (clock_ns() - load->publisher.started_ns) / NS_PER_MS;

	if (plan->next_cut < plan->cuts && ms >= plan->cut_ms[plan->next_cut]) {
		plan->next_cut++;
		load_cut(load);
		load_return(load);
	}
	if (!plan->killed && ms >= o->kill_at) {
		plan->killed = true;
		load->down_ns = clock_ns();
		if (kill((pid_t)o->kill_pid, SIGKILL) < 0)
			die("can't kill %d", o->kill_pid);
		load->killed++;
	}
}

/* False: nothing has come for too long; clients that are on their way back get
 * the time that opening may take. */
static bool is_patient(struct load *load, const uint64_t *missing,
		       uint64_t *last, int64_t *since)
{
	const struct options *o = load->options;
	int64_t most =
	    load->waiting || load->opening ? o->open_timeout : o->patience;

	if (*missing != *last) {
		*last = *missing;
		*since = clock_ns();
	}
	return clock_ns() - *since < most * NS_PER_MS;
}

static void drain(struct load *load, const uint64_t *missing)
{
	uint64_t last = *missing;
	int64_t since = clock_ns();

	while (*missing && is_patient(load, missing, &last, &since))
		load_turn(load, TURN_MS);
}

static void publish(struct load *load, uint64_t first, uint64_t end)
{
	struct publisher *p = &load->publisher;
	uint64_t last = load->missing;
	int64_t since = clock_ns();
	struct plan plan;

	make_plan(load->options, &plan);
	publisher_start(p, first, end);
	while (!publisher_done(p) &&
	       is_patient(load, &load->missing, &last, &since)) {
		load_turn(load, TURN_MS);
		follow_plan(load, &plan);
	}
	publisher_join(p);
}

static void set_paces(struct load *load)
{
	const struct options *o = load->options;

	for (unsigned i = 0; i < load->count; i++) {
		if (i < o->stalled)
			client_pace(&load->clients[i], PACE_STALLED);
		else if (i < o->stalled + o->slow)
			client_pace(&load->clients[i], PACE_SLOW);
	}
}

static void release_stalled(struct load *load)
{
	for (unsigned i = 0; i < load->options->stalled; i++)
		client_pace(&load->clients[i], PACE_LATE);
	load_count_missing(load);
	drain(load, &load->missing);
}

static void fanout(struct load *load)
{
	const struct options *o = load->options;

	load_open(load, o->streams);
	set_paces(load);
	load_count_missing(load);
	load_turn_for(load, o->settle);
	machine_sample(o, &load->before);
	load->begin_ns = clock_ns();
	if (o->messages)
		publish(load, 0, o->messages);
	drain(load, &load->missing);
	machine_sample(o, &load->after);
	if (o->stalled)
		release_stalled(load);
	load_turn_for(load, LINGER_MS);
}

static void idle(struct load *load)
{
	const struct options *o = load->options;
	unsigned warm = o->warm < o->streams ? o->warm : 0;

	load_open(load, warm);
	load_turn_for(load, o->hold);
	machine_sample(o, &load->before);
	load_open(load, o->streams - warm);
	load_turn_for(load, o->hold);
	machine_sample(o, &load->after);
}

/* Message 0 gives everyone a cursor, whatever a server's cursor looks like. */
static void resume(struct load *load)
{
	const struct options *o = load->options;

	load_open(load, o->streams);
	load_turn_for(load, o->settle);
	load->begin_ns = clock_ns();
	load->missing = o->streams;
	publish(load, 0, 1);
	drain(load, &load->missing);
	load_cut(load);
	load_turn_for(load, o->settle);
	load_count_missing(load);
	publish(load, 1, 1 + o->missed);
	load_turn_for(load, o->settle);
	machine_sample(o, &load->before);
	load->begin_ns = load->down_ns = clock_ns();
	load_return(load);
	drain(load, &load->missing);
	machine_sample(o, &load->after);
	load_turn_for(load, LINGER_MS);
}

int scenario_run(const struct options *options)
{
	struct load load;
	uint64_t messages = (uint64_t)options->messages;
	bool correct;

	if (options->scenario == SCENARIO_RESUME)
		messages = 1 + options->missed;
	if (options->scenario == SCENARIO_IDLE)
		messages = 0;
	load_init(&load, options, messages);
	switch (options->scenario) {
	case SCENARIO_FANOUT:
		fanout(&load);
		break;
	case SCENARIO_IDLE:
		idle(&load);
		break;
	case SCENARIO_RESUME:
		resume(&load);
		break;
	}
	report_print(&load);
	correct = report_correct(&load);
	load_fini(&load);
	return options->check && !correct ? 1 : 0;
}
