/*
 * machine: what the servers took of it, and what others did.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

#include "options.h"

struct text;

struct machine_process {
	int64_t cpu_ns, pss_kib, private_kib;
};

struct machine_sample {
	int64_t at_ns;
	struct machine_process processes[OPTIONS_MANY]; /* as options.pids */
	int64_t own_cpu_ns, busy_ns, steal_ns; /* busy: whole machine */
};

/* Reading the memory maps takes a while (and holds the server up), so it comes
 * after the time has been taken. */
void machine_sample(const struct options *o, struct machine_sample *s);
/* {"seconds":…,"othersCpu":…,"processes":[{"name":…,"cpuMs":…,…}]} */
void machine_json(const struct options *o, const struct machine_sample *before,
		  const struct machine_sample *after, struct text *out);

#endif
