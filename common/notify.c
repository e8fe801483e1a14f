/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/fd.h"
#include "common/notify.h"
#include "common/parse.h"

#define PASSED_MAX 4096

static void send_text(const char *path, const char *text, int passed_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(path);
	_cleanup_close_ int fd = -1;

	if (size >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, size);
	if (path[0] == '@') /* in the abstract namespace */
		address.sun_path[0] = 0;
	/* A busy manager must not block us: the message is dropped. */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
		connect(fd, (const struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) == 0)
		(void)fd_send(fd, text, strlen(text), passed_fd);
}

static const char *manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (path[0] == '/' || path[0] == '@') ? path : NULL;
}

void notify_send(const char *format, ...)
{
	const char *path = manager();
	char text[512];
	va_list args;

	if (!path)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send_text(path, text, -1);
}

void notify_store(const char *name, int fd)
{
	const char *path = manager();
	char text[64];

	if (!path)
		return;
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	send_text(path, text, fd);
}

usec_t notify_watchdog_interval(void)
{
	const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n;

	if (!interval || parse_u64(interval, 1, USEC_INFINITY - 1, &n) < 0)
		return USEC_INFINITY;
	if (pid && strtol(pid, NULL, 10) != getpid())
		return USEC_INFINITY;
	return n;
}

unsigned notify_n_passed(void)
{
	const char *number = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t n;

	if (!number || !pid || strtol(pid, NULL, 10) != getpid() ||
		parse_u64(number, 0, PASSED_MAX, &n) < 0)
		return 0;
	return (unsigned)n;
}

void notify_forget(void)
{
	static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC",
		"WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};

	for (size_t i = 0; i < ELEMENTSOF(variables); i++)
		unsetenv(variables[i]);
}
