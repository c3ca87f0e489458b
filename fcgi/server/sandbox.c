/*
 * sandbox: seccomp for what may be done, Landlock for where.
 *
 * The filter names what is refused, not what is allowed: a C library of
 * tomorrow may need a system call that nobody has thought of, and what is
 * refused is what leads from here to elsewhere (programs, processes, other
 * processes' memory, new sockets, the kernel's rarely used doors).  It is
 * refused with EPERM, or ENOSYS where the library has another way (clone3,
 * whose flags a filter can't see).
 *
 * Files: the database's folder, and the one above it, since a folder that is
 * moved away and made anew is another one to Landlock, and has to be opened all
 * the same.  SQLite's temporary storage is memory.
 *
 * Both need no capability, only the promise never to gain one (no_new_privs).
 */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"
#include "lib/buf.h"
#include "lib/log.h"

/* The sanitizers make processes and read memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
static const uint16_t refused[] = {
    /* programs and processes */
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_setns,
    SYS_unshare,
    SYS_personality,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
    SYS_pidfd_open,
#endif
    /* whose we are */
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
    /* connections that nobody gave us; socket() is looked at below */
    SYS_bind,
    SYS_listen,
    /* file systems and devices */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_swapon,
    SYS_swapoff,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    /* the kernel */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
#ifdef SYS_io_uring_setup
    /* a way around all of the above */
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
};
#define REFUSED (sizeof(refused) / sizeof(refused[0]))

#define LOAD(field)                                                            \
	(struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                \
				      offsetof(struct seccomp_data, field))
#define IS(value, yes, no)                                                     \
	(struct sock_filter)                                                   \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define HAS(bits, yes, no)                                                     \
	(struct sock_filter)                                                   \
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))
#define AND(bits)     (struct sock_filter) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits)
#define RETURN(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (value))
#define ERRNO(code)   (SECCOMP_RET_ERRNO | (code))
#define X32_BIT	      0x40000000u
#define SOCKET_TYPE   0xfu /* the rest is SOCK_CLOEXEC, SOCK_NONBLOCK */

static int filter_calls(void)
{
	struct sock_filter code[REFUSED * 2 + 32];
	struct sock_fprog program = {0, code};
	unsigned short n = 0;

	/* Another architecture's numbers mean other calls. */
	code[n++] = LOAD(arch);
	code[n++] = IS(ARCHITECTURE, 1, 0);
	code[n++] = RETURN(ERRNO(EPERM));
	code[n++] = LOAD(nr);
#ifdef __x86_64__
	code[n++] = HAS(X32_BIT, 0, 1);
	code[n++] = RETURN(ERRNO(EPERM));
#endif
	for (size_t i = 0; i < REFUSED; i++) {
		code[n++] = IS(refused[i], 0, 1);
		code[n++] = RETURN(ERRNO(EPERM));
	}
#ifdef SYS_clone3
	code[n++] = IS(SYS_clone3, 0, 1);
	code[n++] = RETURN(ERRNO(ENOSYS));
#endif
	/* Threads, but no processes. */
	code[n++] = IS(SYS_clone, 0, 4);
	code[n++] = LOAD(args[0]);
	code[n++] = HAS(CLONE_THREAD, 0, 1);
	code[n++] = RETURN(SECCOMP_RET_ALLOW);
	code[n++] = RETURN(ERRNO(EPERM));
	/* No devices; but FIFOs, by which processes wake each other. */
	code[n++] = IS(SYS_mknodat, 0, 5);
	code[n++] = LOAD(args[2]);
	code[n++] = AND(S_IFMT);
	code[n++] = IS(S_IFIFO, 0, 1);
	code[n++] = RETURN(SECCOMP_RET_ALLOW);
	code[n++] = RETURN(ERRNO(EPERM));
	/* Datagrams to this machine: the log, systemd.  No connection: there is
	 * many a program behind such a socket that does what it is told. */
	code[n++] = IS(SYS_socket, 0, 7);
	code[n++] = LOAD(args[0]);
	code[n++] = IS(AF_UNIX, 0, 4);
	code[n++] = LOAD(args[1]);
	code[n++] = AND(SOCKET_TYPE);
	code[n++] = IS(SOCK_DGRAM, 0, 1);
	code[n++] = RETURN(SECCOMP_RET_ALLOW);
	code[n++] = RETURN(ERRNO(EPERM));
	code[n++] = RETURN(SECCOMP_RET_ALLOW);
	program.len = n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static int filter_calls(void)
{
	errno = ENOSYS;
	return -1;
}
#endif

/* ---- Landlock: the C library has no names for its calls ---- */

#define FS_READ	 (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* Rights that came later, so that older headers do. */
#define FS_REFER     (UINT64_C(1) << 13) /* ABI 2 */
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define NET_TCP	     UINT64_C(3)	 /* 4: bind, connect */
#define SCOPES	     UINT64_C(3)	 /* 6: abstract sockets, signals */

struct ruleset {
	uint64_t fs, net, scoped;
};

static void allow(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access};
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return; /* what is not there need not be allowed */
	rule.parent_fd = fd;
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0);
	close(fd);
}

/* The folder above the file's folder, or the nearest that is there; in `path`,
 * which is the file before. */
static const char *folder_around(char *path)
{
	char *at = dirname(dirname(path));

	while (at[0] == '/' && at[1] && faccessat(AT_FDCWD, at, F_OK, 0) != 0)
		at = dirname(at);
	return at;
}

static void allow_around(int ruleset, const char *file, uint64_t access)
{
	char path[PATH_MAX];

	if (file && snprintf(path, sizeof(path), "%s", file) < PATH_MAX)
		allow(ruleset, folder_around(path), access);
}

/* As it is written, and where its links lead now. */
static void allow_database(int ruleset, const char *file, uint64_t access)
{
	char *absolute, *folder, *real;

	if (!file)
		return;
	real = realpath(file, NULL);
	absolute = strdup(file);
	folder = absolute ? realpath(dirname(absolute), NULL) : NULL;
	if (folder) {
		char inside[PATH_MAX];

		if (snprintf(inside, sizeof(inside), "%s/x", folder) < PATH_MAX)
			allow_around(ruleset, inside, access);
	} else {
		allow_around(ruleset, file, access);
	}
	allow_around(ruleset, real, access);
	free(folder);
	free(absolute);
	free(real);
}

/* `belfry serve` locks the folder of its socket, and removes it at the end. */
static void allow_socket(int ruleset, int listen_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t size = sizeof(address) - 1;
	char path[sizeof(address.sun_path) + 1];

	if (listen_fd < 0 ||
	    getsockname(listen_fd, (struct sockaddr *)(void *)&address, &size) <
		0 ||
	    address.sun_family != AF_UNIX || address.sun_path[0] != '/')
		return;
	snprintf(path, sizeof(path), "%s", address.sun_path);
	allow(ruleset, dirname(path),
	      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
}

/* The kernel's version, or -1. */
static int restrict_files(const struct config *config, int listen_fd)
{
	struct ruleset attr = {FS_ABI_1, 0, 0};
	size_t size = sizeof(attr.fs);
	int abi, ruleset, result;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return -1;
	if (abi >= 2)
		attr.fs |= FS_REFER;
	if (abi >= 3)
		attr.fs |= FS_TRUNCATE;
	if (abi >= 4) {
		attr.net = NET_TCP;
		size = offsetof(struct ruleset, scoped);
	}
	if (abi >= 5)
		attr.fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		attr.scoped = SCOPES;
		size = sizeof(attr);
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return -1;
	allow_database(ruleset, config->database,
		       attr.fs & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE);
	allow_database(ruleset, config->session_database,
		       attr.fs & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE);
	allow_socket(ruleset, listen_fd);
	/* SQLite's random, the boot's id; a library that looks for the zone. */
	allow(ruleset, "/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE);
	allow(ruleset, "/dev/null",
	      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	allow(ruleset, "/proc/sys/kernel/random", FS_READ);
	allow(ruleset, "/proc/stat", LANDLOCK_ACCESS_FS_READ_FILE);
	result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return result < 0 ? -1 : abi;
}

/* Of a process for each request only the trouble is told. */
static void tell(const struct config *config, const char *files,
		 const char *calls)
{
	char path[PATH_MAX], text[LOG_TEXT_BYTES];
	const char *below = "/"; /* where it may open files */

	if (strncmp(files, "on", 2) == 0 &&
	    (realpath(config->database, path) ||
	     snprintf(path, sizeof(path), "%s", config->database) < PATH_MAX))
		below = folder_around(path);
	log_text(text, span_of(below));
	if (config->host == CONFIG_HOST_ANY)
		log_info("sandbox", "landlock=\"%s\" files=%s seccomp=\"%s\"",
			 files, text, calls);
	else
		log_debug("sandbox", "landlock=\"%s\" files=%s seccomp=\"%s\"",
			  files, text, calls);
}

void sandbox_enter(const struct config *config, int listen_fd)
{
	char files[64] = "on", calls[64] = "on";
	int abi;

	if (!config->sandbox || SANITIZED) {
		snprintf(files, sizeof(files), "off (%s)",
			 config->sandbox ? "sanitizer" : "sandbox = off");
		tell(config, files, files);
		return;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		snprintf(files, sizeof(files), "off (%s)", strerror(errno));
		tell(config, files, files);
		return;
	}
	abi = restrict_files(config, listen_fd);
	if (abi < 0)
		snprintf(files, sizeof(files), "off (%s)", strerror(errno));
	else
		snprintf(files, sizeof(files), "on (version %d)", abi);
	if (filter_calls() < 0)
		snprintf(calls, sizeof(calls), "off (%s)", strerror(errno));
	tell(config, files, calls);
}
