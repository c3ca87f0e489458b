/*
 * cmd: one table of commands; the usage text is made from it.
 */
#include "tool/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "tool/internal.h"

#ifndef BELFRY_VERSION
#define BELFRY_VERSION "0.1.0"
#endif

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
	const char *help;
} commands[] = {
    {"init", cmd_init, "make a database, or bring one up to date"},
    {"send", cmd_send, "send a notification"},
    {"session", cmd_session, "create, list and revoke sessions (cookies)"},
    {"token", cmd_token, "create, list and revoke bearer tokens"},
    {"tail", cmd_tail, "follow the journal, or run a command for each event"},
    {"stats", cmd_stats, "who listens, and where the journal stands"},
    {"serve", cmd_serve, "the responder as a service of its own"},
    {"doctor", cmd_doctor,
     "find what is wrong, here and behind the web server"},
    {"prune", cmd_prune, "remove what has expired or is beyond retention"},
    {"check-config", cmd_check_config,
     "check a configuration and its database"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(void)
{
	puts("usage: belfry COMMAND [OPTION]...\n"
	     "\n"
	     "Without a command, started by a web server, belfry serves "
	     "FastCGI or CGI.\n"
	     "\n"
	     "Commands:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-14s %s\n", commands[i].name, commands[i].help);
	puts("\n"
	     "belfry COMMAND --help tells a command's options.");
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* What was printed must have arrived: a full disk is no success. */
static int flush(struct err *err)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_set_errno(err, "standard output");
	return 0;
}

int cmd_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = find(name);
	struct err err = {ERR_OK, ""};
	int result = 0;

	if (command)
		result = command->run(argc - 1, argv + 1, &err);
	else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		print_usage();
	else if (strcmp(name, "--version") == 0)
		puts("belfry " BELFRY_VERSION);
	else
		result = err_set(&err, ERR_USAGE,
				 "expected a command, or a web server's socket "
				 "as standard input; found \"%s\" (see "
				 "belfry --help)",
				 name);
	if (result == 0)
		result = flush(&err);
	if (result == 0)
		return 0;
	fprintf(stderr, "belfry%s%s: %s\n", command ? " " : "",
		command ? name : "", err.message);
	return err_exit_status(err.code);
}
