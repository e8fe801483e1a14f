/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include "common/log.h"
#include "common/text.h"

static const char *log_program = "";
static bool log_verbose;
static bool log_system;

void log_setup(const char *program, bool verbose)
{
	log_program = program;
	log_verbose = verbose;
}

void log_to_system(void)
{
	openlog(log_program, LOG_PID, LOG_DAEMON);
	log_system = true;
}

bool log_is_verbose(void)
{
	return log_verbose;
}

/* One write for each line: several processes may share the terminal or the pipe. */
static _printf_(2, 0) void log_line(int priority, const char *format, va_list args)
{
	const char *kind = priority == LOG_WARNING ? "warning: " : "";
	char text[1024], line[1100];
	int size;

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		return;
	text_flatten(text);
	if (log_system) {
		syslog(priority, "%s", text);
		return;
	}
	size = snprintf(line, sizeof(line), "%s: %s%s\n", log_program, kind, text);
	if (size > 0 && write(STDERR_FILENO, line, (size_t)size) < 0)
		return; /* nowhere to say it */
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_ERR, format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_WARNING, format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_NOTICE, format, args);
	va_end(args);
}

void log_progress(const char *format, ...)
{
	va_list args;

	if (log_system || !isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	log_line(LOG_DEBUG, format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (!log_verbose)
		return;
	va_start(args, format);
	log_line(LOG_DEBUG, format, args);
	va_end(args);
}
