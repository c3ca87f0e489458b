/*
 * The SIGBUS handler puts memory of zeros in the mapping's place, and the
 * access that failed is repeated.
 */
#include "lib/mapguard.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/err.h"

#define MAPS_MAX 16

/* What the signal handler has to know, of all mappings. */
static struct {
	_Atomic uintptr_t start;
	_Atomic size_t length;
	atomic_bool lost;
} guards[MAPS_MAX];

/* Anything but a guarded mapping is the crash that it would have been. */
static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)context;
	for (size_t i = 0; i < MAPS_MAX; i++) {
		uintptr_t start = atomic_load(&guards[i].start);
		size_t length = atomic_load(&guards[i].length);

		if (!start || at < start || at - start >= length)
			continue;
		atomic_store(&guards[i].lost, true);
		/* cppcheck-suppress leakReturnValNotUsed ; it is at `start` */
		if (mmap((void *)start, length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) != MAP_FAILED)
			return;
	}
	signal(signo, SIG_DFL);
}

static void install(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_sigbus;
	action.sa_flags = SA_SIGINFO | SA_RESTART;
	sigaction(SIGBUS, &action, NULL);
}

int mapguard_add(void *start, size_t length, unsigned *number, struct err *err)
{
	install();
	for (unsigned i = 0; i < MAPS_MAX; i++) {
		if (atomic_load(&guards[i].length))
			continue;
		atomic_store(&guards[i].lost, false);
		atomic_store(&guards[i].length, length);
		atomic_store(&guards[i].start, (uintptr_t)start);
		*number = i;
		return 0;
	}
	return err_set(err, ERR_INTERNAL, "more than %d files mapped",
		       MAPS_MAX);
}

/* Its place is free for another one only when it is unmapped. */
void mapguard_unmap(unsigned number)
{
	void *start = (void *)atomic_load(&guards[number].start);

	atomic_store(&guards[number].start, 0);
	munmap(start, atomic_load(&guards[number].length));
	atomic_store(&guards[number].length, 0);
}

bool mapguard_lost(unsigned number)
{
	return atomic_load(&guards[number].lost);
}
