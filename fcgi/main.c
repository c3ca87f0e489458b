/*
 * main: which mode are we in?
 *
 *   the environment of CGI   one request of a web server
 *   belfry WORD …            the tool of the person who runs it
 *   descriptor 0 listens     the FastCGI responder of a web server
 *   anything else            a person who wants to know what this is
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "cmd.h"
#include "config.h"
#include "lib/cgi.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/log.h"
#include "server.h"

static int is_listening(int fd)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) ==
		   0 &&
	       listening;
}

/* kill -9 of lighttpd leaves its responder behind, which would go on to hold
 * the watch.  Only lighttpd: under spawn-fcgi the parent goes by design. */
static void die_with_lighttpd(void)
{
	char path[64], name[32] = "";
	pid_t parent = getppid();
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)parent);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, sizeof(name), f) && strncmp(name, "lighttpd", 8) == 0)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	fclose(f);
	if (getppid() != parent)
		raise(SIGTERM); /* it went meanwhile */
}

static int load_config(struct config **config, struct err *err)
{
	if (config_load(config, NULL, err) < 0)
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

	die_with_lighttpd();
	result = load_config(&config, &err);
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

	result = load_config(&config, &err);
	if (result == 0)
		result = cgi_gather(&request, API_BODY_MAX_BYTES, &err);
	if (result == 0) {
		config->workers = 1; /* there is no second request */
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
