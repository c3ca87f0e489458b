/*
 * Preloaded into a process under test: a wrong wall clock, a slow disk, an
 * inotify that has nothing left.  What holds is read, at each call, from a
 * mapped file that FAULT_SHIM names: three lines of 20 digits and a line end,
 * as a test writes them (tests/faults/lib/shim.mjs).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_OFFSET_S, SYNC_DELAY_MS, INOTIFY_ERRNO, SETTINGS };
#define LINE_BYTES 21

static const char *settings;

__attribute__((constructor)) static void map_settings(void)
{
	const char *path = getenv("FAULT_SHIM");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, SETTINGS * LINE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		settings = map;
	close(fd);
}

static long setting(int which)
{
	return settings ? atol(settings + which * LINE_BYTES) : 0;
}

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;

	if (!real)
		*(void **)&real = next("clock_gettime");
	rc = real(clock, now);
	if (rc == 0 &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += setting(CLOCK_OFFSET_S);
	return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	static int (*real)(struct timeval *, void *);
	int rc;

	if (!real)
		*(void **)&real = next("gettimeofday");
	rc = real(now, zone);
	if (rc == 0)
		now->tv_sec += setting(CLOCK_OFFSET_S);
	return rc;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

int fdatasync(int fd)
{
	static int (*real)(int);
	long ms = setting(SYNC_DELAY_MS);
	const struct timespec wait = {ms / 1000, ms % 1000 * 1000000};

	if (!real)
		*(void **)&real = next("fdatasync");
	if (ms)
		nanosleep(&wait, NULL);
	return real(fd);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	static int (*real)(int, const char *, uint32_t);
	long error = setting(INOTIFY_ERRNO);

	if (!real)
		*(void **)&real = next("inotify_add_watch");
	if (!error)
		return real(fd, path, mask);
	errno = (int)error;
	return -1;
}
