/*
 * A line is put together on the stack and leaves in one piece.  It is shorter
 * than PIPE_BUF, so lines of several threads and processes do not mix in a
 * pipe.  A line that can't be written now is dropped and counted (see
 * lib/log_sink.h).
 *
 * The limit is kept per event name, in a small table that is only ever filled:
 * a program has a few dozen names.  Names beyond the table are not limited.
 */
#include "lib/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log_sink.h"
#include "lib/utf8.h"

#define FIELDS_BYTES 2560
#define SLOTS	     128
#define WINDOW_NS    INT64_C(1000000000)

struct slot {
	uint64_t name; /* hash of the event name; 0: free */
	int64_t window_start_ns;
	unsigned lines;
	unsigned suppressed;
};

static enum log_level log_max_level = LOG_LEVEL_INFO;
static enum log_target log_to = LOG_TARGET_STDERR;
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[SLOTS];
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long dropped, dropped_told;

void log_init(enum log_level level, enum log_target target)
{
	log_max_level = level;
	log_to = target;
	if (target == LOG_TARGET_SYSLOG)
		log_sink_open_syslog();
}

bool log_enabled(enum log_level level)
{
	return level <= log_max_level;
}

static uint64_t hash_name(const char *name) /* FNV-1a */
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return hash ? hash : 1;
}

static struct slot *find_slot(uint64_t name)
{
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[(name + i) % SLOTS];

		if (slot->name == name || slot->name == 0)
			return slot;
	}
	return NULL;
}

/* May this line go out?  If so, how many before it did not? */
static bool admit(const char *event, unsigned *suppressed)
{
	uint64_t name = hash_name(event);
	int64_t now = clock_mono_ns();
	bool admitted = true;
	struct slot *slot;

	pthread_mutex_lock(&slots_lock);
	slot = find_slot(name);
	if (!slot)
		goto out;
	if (slot->name == 0 || now - slot->window_start_ns >= WINDOW_NS) {
		slot->name = name;
		slot->window_start_ns = now;
		slot->lines = 0;
	}
	if (slot->lines >= LOG_BURST) {
		slot->suppressed++;
		admitted = false;
		goto out;
	}
	slot->lines++;
	*suppressed = slot->suppressed;
	slot->suppressed = 0;
out:
	pthread_mutex_unlock(&slots_lock);
	return admitted;
}

static bool put_line(enum log_level level, const char *event,
		     const char *fields)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO,
					 LOG_DEBUG};
	char when[CLOCK_RFC3339_BYTES] = "", line[LOG_SINK_LINE_BYTES];
	bool to_syslog = log_to == LOG_TARGET_SYSLOG;
	int len;

	if (!to_syslog)
		clock_rfc3339(when, clock_wall_ms());
	len = snprintf(line, sizeof(line), "%s%s%s %s%s\n", when,
		       to_syslog ? "" : " ", names[level], event, fields);
	if (len >= (int)sizeof(line)) { /* an event name of 500 bytes */
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	if (to_syslog)
		return log_sink_syslog(priorities[level], line,
				       (size_t)len - 1);
	return log_sink_stderr(line, (size_t)len);
}

static void send_line(enum log_level level, const char *event,
		      const char *fields)
{
	char text[64];

	pthread_mutex_lock(&sink_lock);
	if (dropped != dropped_told) {
		snprintf(text, sizeof(text), " lines=%lu",
			 dropped - dropped_told);
		if (put_line(LOG_LEVEL_WARN, "log-dropped", text))
			dropped_told = dropped;
	}
	if (!put_line(level, event, fields))
		dropped++;
	pthread_mutex_unlock(&sink_lock);
}

unsigned long log_dropped(void)
{
	unsigned long n;

	pthread_mutex_lock(&sink_lock);
	n = dropped;
	pthread_mutex_unlock(&sink_lock);
	return n;
}

static void log_line(enum log_level level, const char *event,
		     const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void log_line(enum log_level level, const char *event,
		     const char *format, va_list args)
{
	int error = errno;
	unsigned suppressed = 0;
	char text[FIELDS_BYTES], fields[FIELDS_BYTES + 32];
	size_t len = 0;

	if (!log_enabled(level) ||
	    (level != LOG_LEVEL_DEBUG && !admit(event, &suppressed)))
		goto out;
	vsnprintf(text, sizeof(text), format, args);
	fields[0] = '\0';
	if (text[0]) {
		fields[0] = ' ';
		len =
		    1 + utf8_line(fields + 1, sizeof(text) - 1, span_of(text));
	}
	if (suppressed)
		snprintf(fields + len, sizeof(fields) - len, " suppressed=%u",
			 suppressed);
	send_line(level, event, fields);
out:
	errno = error;
}

#define DEFINE_LOG(name, level)                                                \
	void name(const char *event, const char *format, ...)                  \
	{                                                                      \
		va_list args;                                                  \
                                                                               \
		va_start(args, format);                                        \
		log_line(level, event, format, args);                          \
		va_end(args);                                                  \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)

/* Writes one character of outside text; returns its length. */
static size_t escape(char out[static 8], const char *text, size_t len,
		     bool valid)
{
	unsigned char c = (unsigned char)text[0];

	if (!valid || c < 0x20 || c == 0x7f)
		return (size_t)snprintf(out, 8, "\\x%02x", c);
	if (c == 0xc2 && (unsigned char)text[1] < 0xa0) /* C1 control */
		return (size_t)snprintf(out, 8, "\\u00%02x",
					(unsigned char)text[1]);
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 8, "\\%c", c);
	memcpy(out, text, len);
	return len;
}

const char *log_text(char out[static LOG_TEXT_BYTES], struct span text)
{
	static const char more[] = "…\"";
	size_t len = 0, at = 0;

	if (!text.data)
		return strcpy(out, "-");
	out[len++] = '"';
	while (at < text.len) {
		char piece[8];
		bool valid;
		size_t step = utf8_step(text.data + at, text.len - at, &valid);
		size_t width;

		if (!valid)
			step = 1; /* each byte is shown */
		width = escape(piece, text.data + at, step, valid);
		if (len + width + sizeof(more) > LOG_TEXT_BYTES) {
			memcpy(out + len, more, sizeof(more));
			return out;
		}
		memcpy(out + len, piece, width);
		len += width;
		at += step;
	}
	out[len++] = '"';
	out[len] = '\0';
	return out;
}
