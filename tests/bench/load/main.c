/*
 * load: opens many event streams, publishes, and tells what came of it.
 *
 * Exit code 0: done, and with --check everything came, once and in order;
 * 1: it did not; 2: it could not be done.
 */
#include <signal.h>

#include "load.h"

int main(int argc, char **argv)
{
	struct options options;
	int code;

	signal(SIGPIPE, SIG_IGN);
	options_read(&options, argc, argv);
	code = scenario_run(&options);
	options_fini(&options);
	return code;
}
