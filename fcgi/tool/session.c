/*
 * session: `belfry session`: what a browser's cookie holds.
 */
#include "tool/internal.h"

int cmd_session(int argc, char **argv, struct err *err)
{
	return cmd_credential(AUTH_SESSIONS, argc, argv, err);
}
