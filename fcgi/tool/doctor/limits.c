/*
 * limits: what the machine grants: space, descriptors, inotify.
 */
#include "tool/doctor/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "config/config.h"
#include "tool/internal.h"

#define SPACE_LEAST ((uint64_t)16 << 20)
#define SPACE_SMALL ((uint64_t)256 << 20)
/* Besides one for each stream: of the database, the workers, requests. */
#define DESCRIPTORS_MORE 64
#define WATCHES_LEAST	 64

static void check_space(struct doctor *d)
{
	struct statvfs fs;
	uint64_t space;

	if (statvfs(d->real_path, &fs) < 0)
		return;
	space = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (fs.f_flag & ST_RDONLY)
		doctor_say(d, DOCTOR_FAIL, "disk", "mounted read-only");
	else
		doctor_say(d,
			   space < SPACE_LEAST	 ? DOCTOR_FAIL
			   : space < SPACE_SMALL ? DOCTOR_WARN
						 : DOCTOR_OK,
			   "disk", "%" PRIu64 " MiB free", space >> 20);
}

static void check_descriptors(struct doctor *d)
{
	const uint64_t streams = d->cmd->config->max_streams;
	enum doctor_via via;
	long pid = doctor_find_responder(d->real_path, &via);
	uint64_t limit = pid ? doctor_descriptors_of((pid_t)pid) : 0;
	uint64_t room = limit > DESCRIPTORS_MORE ? limit - DESCRIPTORS_MORE : 0;

	if (!pid) {
		doctor_say(d, DOCTOR_SKIP, "descriptors",
			   "no responder has the database open now");
	} else if (!limit) {
		doctor_say(d, DOCTOR_SKIP, "descriptors",
			   "the limits of process %ld are for its user to "
			   "see",
			   pid);
	} else if (via == VIA_CGI || room >= streams) {
		doctor_say(d, DOCTOR_OK, "descriptors",
			   "process %ld may have %" PRIu64, pid, limit);
	} else {
		doctor_say(d, DOCTOR_WARN, "descriptors",
			   "process %ld may have %" PRIu64
			   ", which is no more than %" PRIu64
			   " streams; max_streams is %" PRIu64,
			   pid, limit, room, streams);
		if (via == VIA_SERVICE)
			doctor_change(d, "belfry.service",
				      "LimitNOFILE=%" PRIu64,
				      streams + DESCRIPTORS_MORE);
		else
			doctor_change(d, "belfry.conf",
				      "max_streams = %" PRIu64,
				      room ? room : 1);
	}
}

static bool read_number(const char *path, uint64_t *out)
{
	FILE *f = fopen(path, "re");
	bool good;

	if (!f)
		return false;
	good = fscanf(f, "%" SCNu64, out) == 1;
	fclose(f);
	return good;
}

/* Only the limits.  The check "inotify" has shown that some are left. */
static void check_inotify_limits(struct doctor *d)
{
	uint64_t watches = 0, instances = 0;

	if (!read_number("/proc/sys/fs/inotify/max_user_watches", &watches) ||
	    !read_number("/proc/sys/fs/inotify/max_user_instances",
			 &instances)) {
		doctor_say(d, DOCTOR_SKIP, "inotify limits",
			   "/proc/sys/fs/inotify can't be read");
	} else if (watches < WATCHES_LEAST || instances < WATCHES_LEAST) {
		doctor_say(d, DOCTOR_WARN, "inotify limits",
			   "%" PRIu64 " watches and %" PRIu64
			   " instances per user",
			   watches, instances);
		doctor_change(d, "/etc/sysctl.d/50-belfry.conf",
			      "fs.inotify.%s = 1024",
			      watches < WATCHES_LEAST ? "max_user_watches"
						      : "max_user_instances");
	} else {
		doctor_say(d, DOCTOR_OK, "inotify limits",
			   "%" PRIu64 " watches, %" PRIu64
			   " instances per user",
			   watches, instances);
	}
}

void doctor_limits(struct doctor *d)
{
	check_space(d);
	check_descriptors(d);
	check_inotify_limits(d);
}
