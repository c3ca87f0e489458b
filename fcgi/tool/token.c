/*
 * token: `belfry token`: what a program sends as Authorization: Bearer.
 */
#include "tool/internal.h"

int cmd_token(int argc, char **argv, struct err *err)
{
	return cmd_credential(AUTH_TOKENS, argc, argv, err);
}
