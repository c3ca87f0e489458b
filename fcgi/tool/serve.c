/*
 * serve: `belfry serve`: the responder as a service of its own, for web
 * servers that start none (mod_proxy_fcgi, nginx) or under systemd.
 *
 * Whoever can connect to a FastCGI socket is believed: it says who the user is
 * (REMOTE_USER) and from where.  So a TCP address that others can reach has to
 * be given twice, as --listen and word for word as --public: a slip of one
 * digit, or a 0.0.0.0 out of a tutorial, is refused.
 *
 * A socket that systemd passes is the one to use; --listen may then be given
 * too, if it says the same, so that one unit file does with and without a
 * socket unit.
 */
#include "tool/internal.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "lib/err.h"
#include "lib/listen.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/systemd.h"
#include "server/server.h"

/* After a restart of the web server everybody comes at once. */
#define BACKLOG	     4096
#define MODE_DEFAULT 0660

/* As given, then as understood. */
struct serve {
	const char *listen, *mode, *group, *public;
	struct listen_options options;
	struct listen_address address;
	bool passed; /* by systemd: its file is not ours */
	int fd;
};

static int parse_mode(const char *text, mode_t *mode, struct err *err)
{
	char *end;
	long value = strtol(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || value > 0777)
		return err_set(err, ERR_USAGE,
			       "--mode: expected octal digits such as 0660, "
			       "found \"%s\"",
			       text);
	*mode = (mode_t)value;
	return 0;
}

static int find_group(const char *text, gid_t *gid, struct err *err)
{
	const struct group *group = getgrnam(text);
	char *end;
	long value;

	if (group) {
		*gid = group->gr_gid;
		return 0;
	}
	/* The kernel's (gid_t)-1 is "no change". */
	value = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value >= (gid_t)-1)
		return err_set(err, ERR_USAGE,
			       "--group: there is no group \"%s\"", text);
	*gid = (gid_t)value;
	return 0;
}

static int read_options(struct serve *s, struct err *err)
{
	s->options = (struct listen_options){MODE_DEFAULT, (gid_t)-1, BACKLOG};
	if (s->mode && parse_mode(s->mode, &s->options.mode, err) < 0)
		return -1;
	if (s->group && find_group(s->group, &s->options.group, err) < 0)
		return -1;
	return s->listen ? listen_parse(s->listen, &s->address, err) : 0;
}

/* The socket that systemd has opened, if it has. */
static int take_passed(struct serve *s, struct err *err)
{
	char found[LISTEN_TEXT_BYTES];
	struct listen_address passed;
	int count;

	if (systemd_listen_fds(&count, err) < 0)
		return -1;
	if (!count)
		return cmd_require("listen", s->listen, err);
	if (count > 1)
		return err_set(err, ERR_USAGE,
			       "expected one socket from systemd, found %d",
			       count);
	if (listen_address_of(SYSTEMD_FIRST_FD, &passed, err) < 0)
		return -1;
	if (s->listen && !listen_same(&s->address, &passed))
		return err_set(err, ERR_USAGE,
			       "--listen: systemd has passed a socket that "
			       "listens on %s, found \"%s\"",
			       listen_text(&passed, found), s->listen);
	if (s->mode || s->group)
		return err_set(err, ERR_USAGE,
			       "--mode and --group: the socket is systemd's "
			       "(SocketMode= and SocketGroup= of the socket "
			       "unit)");
	s->passed = true;
	s->address = passed;
	s->fd = SYSTEMD_FIRST_FD;
	return 0;
}

static int check_reach(const struct serve *s, struct err *err)
{
	char address[LISTEN_TEXT_BYTES];

	if (!s->address.is_unix && (s->mode || s->group))
		return err_set(err, ERR_USAGE,
			       "--mode and --group: expected with unix:PATH, "
			       "found %s",
			       listen_text(&s->address, address));
	listen_text(&s->address, address);
	if (s->address.is_public &&
	    (!s->public || strcmp(s->public, address) != 0))
		return err_set(err, ERR_USAGE,
			       "%s can be reached by others, who could then "
			       "be any user: expected unix:PATH or a loopback "
			       "address, or, if that is what you want, also "
			       "--public %s",
			       address, address);
	if (!s->address.is_public && s->public)
		return err_set(err, ERR_USAGE,
			       "--public: %s is not a public address", address);
	return 0;
}

/* --db stands for the database of the configuration, but none is guessed: this
 * one may be made to be written by a web server. */
static int configure(struct cmd *cmd, struct err *err)
{
	if (cmd_configure(cmd, err) < 0)
		return -1;
	if (cmd->db_path) {
		free(cmd->config->database);
		cmd->config->database = mem_strdup(cmd->db_path);
	}
	return config_check_database(cmd->config, NULL, err);
}

static int serve(struct serve *s, struct cmd *cmd, struct err *err)
{
	char address[LISTEN_TEXT_BYTES], text[LOG_TEXT_BYTES];
	int result;

	if (read_options(s, err) < 0 || take_passed(s, err) < 0 ||
	    check_reach(s, err) < 0 || configure(cmd, err) < 0)
		return -1;
	if (!s->passed &&
	    listen_open(&s->address, &s->options, &s->fd, err) < 0)
		return -1;
	log_init(cmd->config->log_level, cmd->config->log_target);
	listen_text(&s->address, address);
	log_info("listen", "address=%s", log_text(text, span_of(address)));
	result = server_run(cmd->config, s->fd, err);
	if (s->passed)
		close(s->fd);
	else
		listen_close(&s->address, s->fd);
	return result;
}

int cmd_serve(int argc, char **argv, struct err *err)
{
	struct serve s = {.fd = -1};
	const struct cmd_option options[] = {
	    {"listen", "ADDRESS",
	     "unix:PATH, or IP:PORT (not needed for a socket that systemd "
	     "passes)",
	     &s.listen, false},
	    {"mode", "OCTAL", "mode of the unix socket (0660)", &s.mode, false},
	    {"group", "NAME", "group of the unix socket: the web server's",
	     &s.group, false},
	    {"public", "IP:PORT",
	     "the address of --listen once more, if others can reach it",
	     &s.public, false},
	};
	const struct cmd_syntax syntax = {
	    "serve", NULL,
	    "Serves FastCGI on a socket until SIGTERM, for a web server that "
	    "starts no responder.",
	    options, sizeof(options) / sizeof(options[0])};
	struct cmd cmd;
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result > 0)
		result = serve(&s, &cmd, err);
	cmd_end(&cmd);
	return result;
}
