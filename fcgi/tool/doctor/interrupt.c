/*
 * interrupt: a signal only leaves a note.  The run may have rows in the
 * database to remove, so it ends by itself.
 */
#include <signal.h>
#include <stddef.h>

#include "tool/doctor/internal.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

bool doctor_interrupted(void)
{
	return interrupted != 0;
}

void doctor_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}
