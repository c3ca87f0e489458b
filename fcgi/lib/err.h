/*
 * err: one error space for the whole program.
 *
 * A function that can fail returns 0 or -1 (or a count or a pointer where its
 * comment says so) and fills the caller's record.  The codes of a library are
 * converted at that library's door, and nobody else sees them.  The function
 * that stops passing an error on logs the error, once.
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_ERR_H
#define BELFRY_LIB_ERR_H

enum err_code {
	ERR_OK = 0,
	ERR_INVALID, /* input is wrong: the message says what was expected */
	ERR_UNAUTHORIZED, /* no credential, or a bad one */
	ERR_DENIED,	  /* known, but not allowed */
	ERR_NOT_FOUND,
	ERR_METHOD,	 /* the resource has no such method */
	ERR_CONFLICT,	 /* the state of the data forbids it */
	ERR_TOO_LARGE,	 /* over a cap of ours */
	ERR_MEDIA_TYPE,	 /* a body that is not JSON */
	ERR_LIMITED,	 /* too many requests or streams: later */
	ERR_BUSY,	 /* the database is locked: try again */
	ERR_UNAVAILABLE, /* draining, or the database can't be used now */
	ERR_READONLY,	 /* the database or its directory can't be written */
	ERR_FULL,	 /* no space left */
	ERR_CORRUPT,	 /* not a database, damaged, or not ours */
	ERR_HANGUP,	 /* the peer went away: never worth a log line */
	ERR_CONFIG,	 /* the configuration is wrong */
	ERR_USAGE,	 /* the command line is wrong */
	ERR_IO,		 /* any other failure of the system */
	ERR_INTERNAL,	 /* a bug of ours */
	ERR_CODES
};

#define ERR_MESSAGE_BYTES 512

struct err {
	enum err_code code;
	char message[ERR_MESSAGE_BYTES]; /* one line, no line break, UTF-8 */
};

/* Fills *e (may be NULL) and returns -1, so that `return err_set(…)` reads
 * well.  A message that is too long is cut. */
int err_set(struct err *e, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: "<what>: <strerror(errno)>", with the
 * code taken from errno (ENOSPC: ERR_FULL, EROFS and EACCES: ERR_READONLY,
 * EPIPE and ECONNRESET: ERR_HANGUP, otherwise ERR_IO). */
int err_set_errno(struct err *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__
/* It looks at one file at a time and has to be told what they return. */
#define err_set(...)	   ((err_set)(__VA_ARGS__), -1)
#define err_set_errno(...) ((err_set_errno)(__VA_ARGS__), -1)
#endif

/* Short stable name of a code ("busy", "not-found", …): logs, problem types. */
const char *err_name(enum err_code code);

/* Exit status of sysexits(3) for a code. */
int err_exit_status(enum err_code code);

#endif
