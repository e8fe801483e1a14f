/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"

static const char *log_program = "";
static bool log_verbose;

void log_setup(const char *program, bool verbose)
{
	log_program = program;
	log_verbose = verbose;
}

bool log_is_verbose(void)
{
	return log_verbose;
}

/* One write for each line: several processes may share the terminal or the pipe. */
static _printf_(2, 0) void log_line(const char *kind, const char *format, va_list args)
{
	char text[1024], line[1100];
	int size;

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		return;
	text_flatten(text);
	size = snprintf(line, sizeof(line), "%s: %s%s\n", log_program, kind, text);
	if (size > 0 && write(STDERR_FILENO, line, (size_t)size) < 0)
		return; /* nowhere to say it */
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("", format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("warning: ", format, args);
	va_end(args);
}

void log_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	log_line("", format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (!log_verbose)
		return;
	va_start(args, format);
	log_line("", format, args);
	va_end(args);
}
