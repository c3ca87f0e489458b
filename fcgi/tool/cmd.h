/*
 * cmd: the tool: `belfry WORD …`.
 *
 * Results go to standard output and nothing else does; what is wrong is one
 * line on standard error and an exit status of sysexits(3).
 */
#ifndef BELFRY_CMD_H
#define BELFRY_CMD_H

/* argv[1] is the word.  Returns the exit status. */
int cmd_main(int argc, char **argv);

#endif
