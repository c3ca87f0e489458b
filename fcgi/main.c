/*
 * main: which mode are we in?
 *
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

#include "cmd.h"
#include "config.h"
#include "lib/err.h"
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
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)getppid());
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, sizeof(name), f) && strncmp(name, "lighttpd", 8) == 0)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	fclose(f);
}

static int respond(void)
{
	struct config *config = NULL;
	struct err err = {ERR_OK, ""};
	int result;

	die_with_lighttpd();
	result = config_load(&config, NULL, &err);
	if (result == 0) {
		log_init(config->log_level, config->log_target);
		result = config_check_database(config, getenv("DOCUMENT_ROOT"),
					       &err);
	}
	if (result == 0)
		result = server_run(config, STDIN_FILENO, &err);
	if (result < 0)
		log_error("fatal", "code=%s detail=\"%s\"", err_name(err.code),
			  err.message);
	config_free(config);
	return result < 0 ? err_exit_status(err.code) : 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return cmd_main(argc, argv);
	if (is_listening(STDIN_FILENO))
		return respond();
	return cmd_main(argc, argv);
}
