/*
 * machine: CPU time in nanoseconds from schedstat of every thread, as clock
 * ticks miss short bursts; memory as Pss, so that what processes share counts
 * once.  What others did is what is left of the whole machine's busy time,
 * in ticks: a hint only.
 */
#include "machine.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static int pid_of(const char *item)
{
	const char *equals = strchr(item, '=');

	if (!equals)
		die("--pid %s: expected NAME=PID", item);
	return atoi(equals + 1);
}

static int64_t thread_cpu(int pid, const char *thread)
{
	char path[320], line[64];
	int64_t ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, thread);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file))
		ns = strtoll(line, NULL, 10);
	fclose(file);
	return ns;
}

static int64_t process_cpu(int pid)
{
	struct dirent *entry;
	char path[64];
	int64_t ns = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ns += thread_cpu(pid, entry->d_name);
	closedir(dir);
	return ns;
}

static void process_memory(int pid, struct machine_process *p)
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	file = fopen(path, "r");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		const char *value = strchr(line, ':');

		if (!value)
			continue;
		if (strncmp(line, "Pss:", 4) == 0)
			p->pss_kib = atoll(value + 1);
		else if (strncmp(line, "Private_", 8) == 0)
			p->private_kib += atoll(value + 1);
	}
	fclose(file);
}

static void whole_machine(struct machine_sample *s)
{
	int64_t user, nice, system, idle, iowait, irq, softirq, steal, tick;
	FILE *file = fopen("/proc/stat", "r");

	if (!file)
		return;
	tick = 1000000000 / sysconf(_SC_CLK_TCK);
	if (fscanf(file,
		   "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
		   " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
		   &user, &nice, &system, &idle, &iowait, &irq, &softirq,
		   &steal) == 8) {
		s->busy_ns = (user + nice + system + irq + softirq) * tick;
		s->steal_ns = steal * tick;
	}
	fclose(file);
}

void machine_sample(const struct options *o, struct machine_sample *s)
{
	memset(s, 0, sizeof(*s));
	s->at_ns = clock_ns();
	for (unsigned i = 0; i < o->pids.n; i++)
		s->processes[i].cpu_ns = process_cpu(pid_of(o->pids.items[i]));
	s->own_cpu_ns = process_cpu(getpid());
	whole_machine(s);
	for (unsigned i = 0; i < o->pids.n; i++)
		process_memory(pid_of(o->pids.items[i]), &s->processes[i]);
}

void machine_json(const struct options *o, const struct machine_sample *before,
		  const struct machine_sample *after, struct text *out)
{
	double ns = (double)(after->at_ns - before->at_ns);
	int64_t own = after->own_cpu_ns - before->own_cpu_ns, servers = 0;

	text_addf(out, "{\"seconds\":%.6f,\"processes\":[", ns / 1e9);
	for (unsigned i = 0; i < o->pids.n; i++) {
		const struct machine_process *a = &before->processes[i];
		const struct machine_process *b = &after->processes[i];
		const char *name = o->pids.items[i];

		servers += b->cpu_ns - a->cpu_ns;
		text_addf(out, "%s{\"name\":\"%.*s\",\"cpuMs\":%.3f,",
			  i ? "," : "", (int)strcspn(name, "="), name,
			  (double)(b->cpu_ns - a->cpu_ns) / 1e6);
		text_addf(out,
			  "\"pssKib\":[%" PRId64 ",%" PRId64
			  "],\"privateKib\":[%" PRId64 ",%" PRId64 "]}",
			  a->pss_kib, b->pss_kib, a->private_kib,
			  b->private_kib);
	}
	text_addf(out, "],\"serverCpu\":%.4f,\"loadCpu\":%.4f,",
		  (double)servers / ns, (double)own / ns);
	text_addf(out, "\"othersCpu\":%.3f,\"steal\":%.3f}",
		  (double)(after->busy_ns - before->busy_ns - own - servers) /
		      ns,
		  (double)(after->steal_ns - before->steal_ns) / ns);
}
