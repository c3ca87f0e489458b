/*
 * One table gives each code its name and its exit status.  A message is
 * formatted beside the record and then copied, since callers wrap errors in
 * place: err_set(e, code, "journal: %s", e->message).
 */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "lib/buf.h"
#include "lib/utf8.h"

static const struct {
	const char *name;
	int exit_status;
} codes[ERR_CODES] = {
    [ERR_OK] = {"ok", EX_OK},
    [ERR_INVALID] = {"invalid", EX_DATAERR},
    [ERR_UNAUTHORIZED] = {"unauthorized", EX_NOPERM},
    [ERR_DENIED] = {"denied", EX_NOPERM},
    [ERR_NOT_FOUND] = {"not-found", EX_NOINPUT},
    [ERR_METHOD] = {"method", EX_DATAERR},
    [ERR_CONFLICT] = {"conflict", EX_DATAERR},
    [ERR_TOO_LARGE] = {"too-large", EX_DATAERR},
    [ERR_MEDIA_TYPE] = {"media-type", EX_DATAERR},
    [ERR_LIMITED] = {"limited", EX_TEMPFAIL},
    [ERR_BUSY] = {"busy", EX_TEMPFAIL},
    [ERR_UNAVAILABLE] = {"unavailable", EX_UNAVAILABLE},
    [ERR_READONLY] = {"readonly", EX_CANTCREAT},
    [ERR_FULL] = {"full", EX_IOERR},
    [ERR_CORRUPT] = {"corrupt", EX_DATAERR},
    [ERR_HANGUP] = {"hangup", EX_IOERR},
    [ERR_CONFIG] = {"config", EX_CONFIG},
    [ERR_USAGE] = {"usage", EX_USAGE},
    [ERR_IO] = {"io", EX_IOERR},
    [ERR_INTERNAL] = {"internal", EX_SOFTWARE},
};

static void set_message(struct err *e, enum err_code code, const char *text)
{
	e->code = code;
	utf8_line(e->message, sizeof(e->message), span_of(text));
}

int(err_set)(struct err *e, enum err_code code, const char *format, ...)
{
	/* Longer than a message: the cut is made where characters end. */
	char text[ERR_MESSAGE_BYTES + 8];
	va_list args;

	if (!e)
		return -1;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	set_message(e, code, text);
	return -1;
}

static enum err_code code_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case EROFS:
	case EACCES:
		return ERR_READONLY;
	case EPIPE:
	case ECONNRESET:
		return ERR_HANGUP;
	default:
		return ERR_IO;
	}
}

int(err_set_errno)(struct err *e, const char *format, ...)
{
	int error = errno;
	char what[ERR_MESSAGE_BYTES], reason[128];
	char text[sizeof(what) + sizeof(reason) + 4];
	va_list args;

	if (!e)
		return -1;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(text, sizeof(text), "%s: %s", what,
		 strerror_r(error, reason, sizeof(reason)));
	set_message(e, code_of_errno(error), text);
	return -1;
}

const char *err_name(enum err_code code)
{
	return (unsigned)code < ERR_CODES ? codes[code].name : "unknown";
}

int err_exit_status(enum err_code code)
{
	return (unsigned)code < ERR_CODES ? codes[code].exit_status
					  : EX_SOFTWARE;
}
