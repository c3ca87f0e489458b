/*
 * tail: `belfry tail`: the journal on a terminal, or a command for each
 * event.
 */
#include "tool/tail.h"

#include "tool/internal.h"

int cmd_tail(int argc, char **argv, struct err *err)
{
	const char *user = NULL, *from = NULL, *command = NULL, *json = NULL;
	const struct cmd_option options[] = {
	    {"user", "U", "only what this user is told of", &user, false},
	    {"from", "ID", "after this event, or earliest; else from now on",
	     &from, false},
	    {"exec", "CMD", "run CMD for each, its JSON on standard input",
	     &command, false},
	    {"json", NULL, "one JSON object per line", &json, false},
	};
	const struct cmd_syntax syntax = {
	    "tail", NULL,
	    "Prints what happens, until it is interrupted: time, user, action, "
	    "id, title.",
	    options, sizeof(options) / sizeof(options[0])};
	struct tail_options what;
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	what = (struct tail_options){
	    .user = span_of(user),
	    .command = command,
	    .form = json || command ? TAIL_JSON : TAIL_LINE,
	    .from = from,
	};
	result = cmd_configure(&cmd, err);
	if (result == 0)
		result = cmd_open_database(&cmd, CMD_READ, err);
	if (result == 0)
		result = tail_follow(&cmd, &what, err);
out:
	cmd_end(&cmd);
	return result;
}
