/*
 * check_config: `belfry check-config`: what the responder would see.
 *
 * Everything that it refuses at its start is refused here, and the session
 * query is tried once, which the responder does only when somebody comes.
 */
#include "tool/internal.h"

#include <stdio.h>

#include "config/config.h"
#include "lib/db.h"
#include "lib/err.h"

#define PRINT_MAX_BYTES (1024u * 1024)

static void print(const struct config *config)
{
	struct buf b;

	buf_init(&b, PRINT_MAX_BYTES);
	config_print(config, &b);
	fwrite(b.data, 1, b.len, stdout);
	buf_fini(&b);
}

static int check(struct cmd *cmd, struct err *err)
{
	struct auth *auth = NULL;
	int result = -1;

	/* --db stands for the database that the configuration leaves out. */
	if (!cmd->db_path && config_check_database(cmd->config, NULL, err) < 0)
		return -1;
	if (cmd_open_database(cmd, CMD_WRITE, err) == 0 &&
	    auth_open(&auth, cmd->config, err) == 0)
		result = auth_check_host(auth, cmd->db, err);
	auth_close(auth);
	return result;
}

int cmd_check_config(int argc, char **argv, struct err *err)
{
	const struct cmd_syntax syntax = {
	    "check-config", "FILE",
	    "Prints the configuration as it is understood, and opens the "
	    "database.",
	    NULL, 0};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	if (cmd.word && cmd.config_path) {
		err_set(err, ERR_USAGE,
			"expected FILE or --config, found both");
		goto out;
	}
	if (cmd.word)
		cmd.config_path = cmd.word;
	if (cmd_configure(&cmd, err) < 0)
		goto out;
	print(cmd.config);
	result = check(&cmd, err);
out:
	cmd_end(&cmd);
	return result;
}
