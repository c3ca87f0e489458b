/*
 * tail: the parts of `belfry tail`.
 */
#ifndef BELFRY_CMD_TAIL_H
#define BELFRY_CMD_TAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/loop.h"

struct cmd;
struct dirwatch;
struct journal_row;

/* ---- tool/tail_row.c: one event as text; pure ---- */

enum tail_form { TAIL_LINE, TAIL_JSON };
/* False, and nothing appended, for what no client sees. */
bool tail_put_row(struct buf *b, const struct journal_row *row, int64_t at,
		  enum tail_form form);

/* ---- tool/tail_child.c: the command of --exec ---- */

struct tail_child {
	struct loop *loop;
	struct loop_io io;
	pid_t pid; /* 0: none is running */
	int64_t event_id;
	void (*ended)(struct tail_child *child);
};
void tail_child_init(struct tail_child *child, struct loop *loop,
		     void (*ended)(struct tail_child *child));
/* Runs it by /bin/sh with the input on its standard input; `ended` follows. */
int tail_child_start(struct tail_child *child, const char *command,
		     int64_t event_id, struct span input, struct err *err);
/* Tells one that runs to end, and does not wait for it. */
void tail_child_stop(struct tail_child *child);

/* ---- tool/tail_follow.c ---- */

struct tail_options {
	struct span user;    /* SPAN_NONE: everybody */
	const char *command; /* --exec; NULL: print */
	enum tail_form form;
	const char *from; /* NULL: what comes from now on */
};

/* Until a signal (0) or a failure. cmd has its database open. */
int tail_follow(struct cmd *cmd, const struct tail_options *options,
		struct err *err);

#endif
