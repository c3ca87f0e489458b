/*
 * log_sink: where the lines of lib/log go.  Writing never waits: a reader that
 * does not read (a full pipe, a stopped journald) must not stop the loop.
 *
 * Any thread, but one at a time.
 */
#ifndef BELFRY_LIB_LOG_SINK_H
#define BELFRY_LIB_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* Longest line: so much is written in one piece, and fits where a pipe has any
 * room at all (PIPE_BUF is 4096). */
#define LOG_SINK_LINE_BYTES 3072

/* Before a sandbox is closed: later it may not be possible. */
void log_sink_open_syslog(void);
/* One whole line, with its line break.  False: there is no room now. */
bool log_sink_stderr(const char *line, size_t len);
/* A message without line break.  priority is that of syslog(3). */
bool log_sink_syslog(int priority, const char *message, size_t len);

#endif
