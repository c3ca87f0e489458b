/*
 * internal: what the commands share.  One command, one file: it declares
 * its options, cmd_begin reads them, cmd_end gives everything back.
 */
#ifndef BELFRY_CMD_INTERNAL_H
#define BELFRY_CMD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "lib/buf.h"

struct config;
struct db;
struct err;

/* argv[0] is the command's word.  0 or -1; a --help that was answered is 0. */
int cmd_init(int argc, char **argv, struct err *err);
int cmd_send(int argc, char **argv, struct err *err);
int cmd_session(int argc, char **argv, struct err *err);
int cmd_token(int argc, char **argv, struct err *err);
int cmd_tail(int argc, char **argv, struct err *err);
int cmd_stats(int argc, char **argv, struct err *err);
int cmd_serve(int argc, char **argv, struct err *err);
int cmd_prune(int argc, char **argv, struct err *err);
int cmd_check_config(int argc, char **argv, struct err *err);
int cmd_doctor(int argc, char **argv, struct err *err);

/* cmd_session and cmd_token: create, list, revoke. */
int cmd_credential(enum auth_table table, int argc, char **argv,
		   struct err *err);

struct cmd_option {
	const char *name;  /* "user", for --user */
	const char *value; /* what its value is called; NULL: a switch */
	const char *help;  /* one line */
	const char **text; /* gets the value (of a switch: not NULL) */
	bool many;	   /* may be repeated; joined with commas.  At most one
			      of a command's */
};

struct cmd_syntax {
	const char *name;    /* "session create" */
	const char *word;    /* what its one argument is called, or NULL */
	const char *purpose; /* one line */
	const struct cmd_option *options;
	size_t option_count;
};

/* One invocation. */
struct cmd {
	const char *word; /* its one argument, or NULL */
	const char *config_path, *db_path;
	struct config *config; /* after cmd_configure */
	struct db *db;	       /* after cmd_open */
	const char *path;      /* of the database, after cmd_configure */
	char *joined;	       /* values of the option that may be repeated */
};

/* 1: the options are read, 0: --help was asked for and given, -1: ERR_USAGE. In
 * any case cmd_end follows. */
int cmd_begin(struct cmd *cmd, const struct cmd_syntax *syntax, int argc,
	      char **argv, struct err *err);
/* Loads the configuration and settles which database is meant: --db, else the
 * configuration's, else ./belfry.db. */
int cmd_configure(struct cmd *cmd, struct err *err);
/* Both, to write. */
int cmd_open(struct cmd *cmd, struct err *err);
/* Opens the database that cmd_configure has settled on; waits for locks, as a
 * person would. */
enum cmd_access { CMD_READ, CMD_WRITE, CMD_CREATE };
int cmd_open_database(struct cmd *cmd, enum cmd_access access, struct err *err);
void cmd_end(struct cmd *cmd);

/* ERR_USAGE unless the option was given. */
int cmd_require(const char *option, const char *text, struct err *err);
/* A duration of an option's, at least `min_ms`. */
int cmd_duration(const char *option, const char *text, int64_t min_ms,
		 int64_t *ms, struct err *err);
/* Text out of the database, as a terminal can bear it, at least `width` wide.
 */
void cmd_print_text(struct span text, int width);

#endif
