/*
 * internal: what the files of `belfry doctor` share.  doctor.c runs the checks.
 * Each check says one line, and below it the line to change and its file.
 *
 * A check reports through the struct doctor that it is given (report.c).  It
 * calls nothing of doctor.c.  One thread.
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
	const char *user; /* the web server's user, or NULL */
	const char *token, *session; /* given credentials, or NULL */
	bool json, quick, insecure;
	char *real_path; /* of the database; NULL: there is none */
	unsigned done, failed;
};

/* ---- report.c: how a finding is said ---- */

/* What a check has found. */
void doctor_say(struct doctor *d, enum doctor_result result, const char *check,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What to change, after doctor_say: a line in a file or, if file is NULL, a
 * command to run. */
void doctor_change(struct doctor *d, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- interrupt.c ---- */

/* From now on SIGINT, SIGTERM and SIGHUP do not end the program. */
void doctor_catch_signals(void);
/* Has one of these signals come? */
bool doctor_interrupted(void);

/* ---- the checks: files.c, database.c, limits.c, stream.c ---- */

/* Files and rights; false: there is no database for the other checks. */
bool doctor_files(struct doctor *d);
/* The content of the database, and whether a commit wakes a watcher. */
void doctor_database(struct doctor *d);
/* Disk space, descriptors, inotify. */
void doctor_limits(struct doctor *d);
/* A stream through the web server. */
void doctor_stream(struct doctor *d);

/* ---- proc.c: processes ---- */

/* How the responder was started. */
enum doctor_via {
	VIA_UNKNOWN,
	VIA_SERVICE, /* belfry serve */
	VIA_CHILD,   /* by the web server, as FastCGI */
	VIA_CGI,
	VIA_ACCOUNT /* FastCGI or CGI by belfry.fcgi and .htaccess, on shared
		       hosting (make dist-static) */
};

/* The process id of a responder that has this database open; 0: none that this
 * user may see. */
pid_t doctor_find_responder(const char *real_path, enum doctor_via *via);
/* The path of this program, or "". */
void doctor_own_path(char out[static PATH_MAX]);
/* Is belfry.fcgi beside this program, as in the archive for an account? */
bool doctor_is_account(void);
/* The soft limit of descriptors of a process; 0: unknown. */
uint64_t doctor_descriptors_of(pid_t pid);

/* ---- advice.c: what to change in a web server ---- */

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

/* Says what to change.  `server` is the Server header ("" is none). */
void doctor_advise(struct doctor *d, enum doctor_symptom symptom,
		   const char *server, enum doctor_via via);

#endif
