/*
 * report: how a finding is said: a line for people, or a JSON object.
 */
#include <stdarg.h>
#include <stdio.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "tool/doctor/internal.h"

#define LINE_BYTES     4096
#define JSON_MAX_BYTES (16u * LINE_BYTES)

/* One object of the names and values that follow, up to a NULL. */
static void print_json(const char *name, ...)
{
	const char *separator = "{";
	struct buf b;
	va_list args;

	buf_init(&b, JSON_MAX_BYTES);
	va_start(args, name);
	for (; name; name = va_arg(args, const char *)) {
		buf_puts(&b, separator);
		json_write_string(&b, span_of(name));
		buf_putc(&b, ':');
		json_write_string(&b, span_of(va_arg(args, const char *)));
		separator = ",";
	}
	va_end(args);
	buf_puts(&b, "}\n");
	fwrite(b.data, 1, b.len, stdout);
	buf_fini(&b);
}

void doctor_say(struct doctor *d, enum doctor_result result, const char *check,
		const char *format, ...)
{
	static const char *const words[] = {"ok", "warn", "FAIL", "skip"};
	static const char *const names[] = {"ok", "warn", "fail", "skip"};
	char text[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	d->done++;
	if (result == DOCTOR_FAIL)
		d->failed++;
	if (d->json)
		print_json("check", check, "result", names[result], "detail",
			   text, NULL);
	else
		printf("%-4s  %s: %s\n", words[result], check, text);
	fflush(stdout);
}

void doctor_change(struct doctor *d, const char *file, const char *format, ...)
{
	char text[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (d->json && file)
		print_json("file", file, "line", text, NULL);
	else if (d->json)
		print_json("run", text, NULL);
	else if (file)
		printf("      -> %s: %s\n", file, text);
	else
		printf("      -> %s\n", text);
	fflush(stdout);
}
