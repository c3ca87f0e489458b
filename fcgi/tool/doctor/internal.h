/*
 * internal: what the parts of `belfry doctor` share.  Each check says one line,
 * and where something is to be changed, what and in which file.
 *
 * A check reports to the struct doctor that it is given (report.c) and calls
 * nothing of doctor.c, which runs the checks.
 */
#ifndef BELFRY_CMD_DOCTOR_H
#define BELFRY_CMD_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cmd;
struct err;

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIP };

/* One run. */
struct doctor {
	struct cmd *cmd;  /* configured; its db is NULL if it can't be used */
	const char *url;  /* NULL: only what is here */
	const char *user; /* whom the web server runs as, or NULL */
	const char *token, *session; /* given credentials, or NULL */
	bool json, quick, insecure;
	char *real_path; /* of the database; NULL: it is not there */
	unsigned done, failed;
};

/* ---- report.c: how a finding is said ---- */

/* What a check has found. */
void doctor_say(struct doctor *d, enum doctor_result result, const char *check,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What to change, after doctor_say: a line in a file, or (file NULL) a command
 * to run. */
void doctor_change(struct doctor *d, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- interrupt.c ---- */

/* From now on SIGINT, SIGTERM and SIGHUP only leave a note … */
void doctor_catch_signals(void);
/* … of which this tells. */
bool doctor_interrupted(void);

/* ---- the checks: files.c, database.c, limits.c, stream.c ---- */

/* Files and rights; false: there is no database to go on with. */
bool doctor_files(struct doctor *d);
/* What is in the database, and that a commit wakes a watcher. */
void doctor_database(struct doctor *d);
/* Disk space, descriptors, inotify. */
void doctor_limits(struct doctor *d);
/* A stream through the web server. */
void doctor_stream(struct doctor *d);

/* ---- processes: tool/doctor/proc.c ---- */

/* How the responder was started. */
enum doctor_via {
	VIA_UNKNOWN,
	VIA_SERVICE, /* belfry serve */
	VIA_CHILD,   /* by the web server, as FastCGI */
	VIA_CGI,
	VIA_ACCOUNT /* the same two by belfry.fcgi and .htaccess, as an account
		       that can do no more has them (make dist-static) */
};

/* A responder that has this database open, as far as this user may know: its
 * process id, or 0. */
pid_t doctor_find_responder(const char *real_path, enum doctor_via *via);
/* The path of this program, or "". */
void doctor_own_path(char out[static PATH_MAX]);
/* Is belfry.fcgi beside this program, as in the archive for an account? */
bool doctor_is_account(void);
/* The soft limit of descriptors of a process; 0: unknown. */
uint64_t doctor_descriptors_of(pid_t pid);

/* ---- what to change in a web server: tool/doctor/advice.c ---- */

enum doctor_symptom {
	SYMPTOM_HELD,		  /* frames are kept until the response ends */
	SYMPTOM_POLL,		  /* in slices, where streams may be possible */
	SYMPTOM_CUT,		  /* silence ends a stream */
	SYMPTOM_NO_AUTHORIZATION, /* the header does not arrive */
	SYMPTOM_COMPRESSED,
	SYMPTOM_HANGUP,	  /* a closed tab is not seen, where it could be */
	SYMPTOM_UNMAPPED, /* the path does not lead to Belfry */
	SYMPTOM_DOWN	  /* the web server has no responder */
};

/* `server` as its Server header has it ("" is none). */
void doctor_advise(struct doctor *d, enum doctor_symptom symptom,
		   const char *server, enum doctor_via via);

#endif
