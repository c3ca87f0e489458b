/*
 * proc: which process answers for this database, and how was it started?
 *
 * Every connection to a WAL database holds a lock on its -shm.  /proc/locks
 * shows these locks to every user.  The environment and the limits of a process
 * are shown to its own user and to root only.  Without them the answer is less
 * exact, but never wrong.
 */
#include "tool/doctor/internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_BYTES 65536
#define WRAPPER	   "belfry.fcgi"

/* All of /proc/PID/name that fits, NUL-terminated; its length, or -1. */
static ssize_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, out, size - 1);
	close(fd);
	if (n >= 0)
		out[n] = '\0';
	return n;
}

static bool has_variable(const char *environ_text, size_t len, const char *name)
{
	const char *end = environ_text + len;

	for (const char *p = environ_text; p < end; p += strlen(p) + 1)
		if (strncmp(p, name, strlen(name)) == 0)
			return true;
	return false;
}

/* False: it is no responder (a writer, `belfry tail`, this program). */
static bool classify(pid_t pid, char *text, enum doctor_via *via)
{
	const char *word;
	ssize_t n;

	if (pid == getpid() || read_proc(pid, "comm", text, PROC_BYTES) < 0 ||
	    strncmp(text, "belfry", 6) != 0)
		return false;
	n = read_proc(pid, "cmdline", text, PROC_BYTES);
	if (n <= 0)
		return false;
	word = text + strlen(text) + 1;
	if (word < text + n && *word) {
		*via = VIA_SERVICE;
		return strcmp(word, "serve") == 0;
	}
	n = read_proc(pid, "environ", text, PROC_BYTES);
	*via = n < 0 ? VIA_UNKNOWN
	       : has_variable(text, (size_t)n, "GATEWAY_INTERFACE=")
		   ? VIA_CGI
		   : VIA_CHILD;
	return true;
}

pid_t doctor_find_responder(const char *real_path, enum doctor_via *via)
{
	char path[PATH_MAX + 8], line[256];
	char *text = NULL;
	struct stat st;
	FILE *locks = NULL;
	pid_t found = 0;
	uintmax_t inode;
	long pid;

	*via = VIA_UNKNOWN;
	snprintf(path, sizeof(path), "%s-shm", real_path);
	if (stat(path, &st) < 0 || !(locks = fopen("/proc/locks", "re")) ||
	    !(text = malloc(PROC_BYTES)))
		goto out;
	while (!found && fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*s POSIX %*s %*s %ld %*x:%*x:%ju", &pid,
			   &inode) == 2 &&
		    inode == st.st_ino && classify((pid_t)pid, text, via))
			found = (pid_t)pid;
out:
	if (locks)
		fclose(locks);
	free(text);
	return found;
}

uint64_t doctor_descriptors_of(pid_t pid)
{
	const char *start = "Max open files";
	char text[4096];
	const char *line;

	if (read_proc(pid, "limits", text, sizeof(text)) < 0 ||
	    !(line = strstr(text, start)))
		return 0;
	return strtoull(line + strlen(start), NULL, 10);
}

void doctor_own_path(char out[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
}

bool doctor_is_account(void)
{
	char path[PATH_MAX + sizeof(WRAPPER)];
	char *name;

	doctor_own_path(path);
	name = strrchr(path, '/');
	if (!name)
		return false;
	memcpy(name + 1, WRAPPER, sizeof(WRAPPER));
	return access(path, F_OK) == 0;
}
