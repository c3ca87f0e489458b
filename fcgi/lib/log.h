/*
 * log: one line per event to stderr or syslog, `key=value` fields.
 *
 *   log_info("stream-open", "user=%s streams=%u", log_text(t, user), n);
 *   2026-01-02T03:04:05.678Z info stream-open user="alice" streams=3
 *
 * Any thread.  One write(2) per line, which never waits.  A line that nobody
 * reads is dropped and counted; the count is told ("log-dropped lines=…") when
 * somebody reads again.
 *
 * Of one event name, LOG_BURST lines a second are printed; further ones are
 * counted, and the count ("suppressed=…") is told with the next line of that
 * name.  debug is never limited.
 */
#ifndef BELFRY_LIB_LOG_H
#define BELFRY_LIB_LOG_H

#include <stdbool.h>

struct span;

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

#define LOG_BURST      50
#define LOG_TEXT_BYTES 132

/* Before the first thread; until then: info, stderr. */
void log_init(enum log_level level, enum log_target target);
bool log_enabled(enum log_level level);
/* Lines that could not be written, so far. */
unsigned long log_dropped(void);

void log_error(const char *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text from outside, made safe for one log field: quoted, control bytes,
 * quotes and backslashes escaped, cut with "…" when long.  Returns out. */
const char *log_text(char out[static LOG_TEXT_BYTES], struct span text);

#endif
