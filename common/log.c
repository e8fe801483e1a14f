/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <syslog.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/text.h"

static const char *log_program = "";
static bool log_verbose;
static bool log_system, log_journal, log_waits = true;
static int log_socket = -1;

/* Whether stderr is systemd's journal (systemd.exec(5), "$JOURNAL_STREAM"). */
static bool is_journal(void)
{
	const char *journal = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return journal && sscanf(journal, "%llu:%llu", &device, &inode) == 2 &&
		fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
		st.st_ino == inode;
}

void log_setup(const char *program, bool verbose)
{
	log_program = program;
	log_verbose = verbose;
	log_journal = is_journal();
}

void log_as_daemon(bool system)
{
	log_waits = false;
	log_system = system;
}

bool log_is_discarded(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode) &&
		st.st_rdev == makedev(1, 3);
}

void log_to_parent(int socket)
{
	log_socket = socket;
}

bool log_is_verbose(void)
{
	return log_verbose;
}

/* For early boot and late shutdown, when no log daemon runs. */
static void send_to_kernel(int priority, const char *text)
{
	_cleanup_close_ int fd = open("/dev/kmsg", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	char line[1200];
	int size = snprintf(line, sizeof(line), "<%d>%s: %s", LOG_DAEMON | priority,
		log_program, text);

	if (fd >= 0 && size > 0 && write(fd, line, (size_t)size) < 0)
		return; /* a failure to log cannot be logged */
}

/* EAGAIN: the log daemon is there, but its queue is full: the line is lost. */
static bool send_to_system(int priority, const char *text)
{
	const struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char line[1200];
	int size = snprintf(line, sizeof(line), "<%d>%s[%d]: %s", LOG_DAEMON | priority,
		log_program, getpid(), text);

	return fd >= 0 && size > 0 &&
		(sendto(fd, line, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL,
			 (const struct sockaddr *)&address, sizeof(address)) >= 0 ||
			errno == EAGAIN);
}

static bool has_room(int fd)
{
	struct pollfd entry = {.fd = fd, .events = POLLOUT};

	return poll(&entry, 1, 0) == 1;
}

/*
 * One write per line, because several processes may share the terminal or the pipe. The
 * journal knows the program, and reads the priority as in sd-daemon(3).
 */
static void write_to_stderr(int priority, const char *text)
{
	char line[1200];
	int size = log_journal
		? snprintf(line, sizeof(line), "<%d>%s\n", priority, text)
		: snprintf(line, sizeof(line), "%s: %s%s\n", log_program,
			  priority == LOG_WARNING ? "warning: " : "", text);

	if (size > 0 && (log_waits || has_room(STDERR_FILENO)) &&
		write(STDERR_FILENO, line, (size_t)size) < 0)
		return; /* a failure to log cannot be logged */
}

static _printf_(2, 0) void log_line(int priority, const char *format, va_list args)
{
	char text[1024];

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		return;
	text_flatten(text);
	if (log_socket >= 0) {
		(void)fd_sendto(log_socket, text, strlen(text), 0);
		return;
	}
	if (log_system && !send_to_system(priority, text))
		send_to_kernel(priority, text);
	if (!log_system)
		write_to_stderr(priority, text);
}

void log_console(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) >= 0) {
		text_flatten(text);
		(void)send_to_system(LOG_ERR, text);
		send_to_kernel(LOG_ERR, text);
	}
	va_end(args);
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
