/*
 * main: which mode are we in?
 *
 *   the environment of CGI   one request of a web server
 *   belfry WORD …            the tool of the person who runs it
 *   descriptor 0 listens     the FastCGI responder of a web server
 *   anything else            a person who wants to know what this is
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "config/config.h"
#include "lib/cgi.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/log.h"
#include "lib/starter.h"
#include "server/server.h"
#include "tool/cmd.h"

static int is_listening(int fd)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) ==
		   0 &&
	       listening;
}

static int load_config(struct config **config, enum config_host host,
		       struct err *err)
{
	if (config_load(config, NULL, host, err) < 0)
		return -1;
	log_init((*config)->log_level, (*config)->log_target);
	return config_check_database(*config, getenv("DOCUMENT_ROOT"), err);
}

/* What failed is said here, once. */
static int exit_status(int result, const struct err *err)
{
	if (result == 0)
		return 0;
	if (err->code != ERR_HANGUP)
		log_error("fatal", "code=%s detail=\"%s\"", err_name(err->code),
			  err->message);
	return err_exit_status(err->code);
}

static int respond(void)
{
	struct config *config = NULL;
	struct err err = {ERR_OK, ""};
	int result;

	starter_die_with_lighttpd();
	result = load_config(&config,
			     starter_is_mod_fcgid(STDIN_FILENO)
				 ? CONFIG_HOST_MOD_FCGID
				 : CONFIG_HOST_ANY,
			     &err);
	if (result == 0)
		result = server_run(config, STDIN_FILENO, &err);
	config_free(config);
	return exit_status(result, &err);
}

static int respond_once(void)
{
	struct config *config = NULL;
	struct err err = {ERR_OK, ""};
	struct fcgi_gather request;
	int result, fd;

	result = load_config(&config, CONFIG_HOST_CGI, &err);
	if (result == 0)
		result = cgi_gather(&request, API_BODY_MAX_BYTES, &err);
	if (result == 0) {
		result = cgi_take_output(&fd, &err);
		if (result == 0)
			result = server_run_one(config, &request, fd, &err);
		else
			fcgi_gather_fini(&request);
	}
	config_free(config);
	return exit_status(result, &err);
}

int main(int argc, char **argv)
{
	/* Before the words: a web server may hand those of a query string to a
	 * CGI program (RFC 3875, 4.4), and "?init" is no command of ours. */
	if (cgi_is_request() && !is_listening(STDIN_FILENO))
		return respond_once();
	if (argc > 1)
		return cmd_main(argc, argv);
	if (is_listening(STDIN_FILENO))
		return respond();
	return cmd_main(argc, argv);
}
