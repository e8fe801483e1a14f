/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is sent to a service manager, and how often the watchdog must be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "common/notify.h"

#define NAME_MAX_SIZE (sizeof(((struct sockaddr_un *)NULL)->sun_path))

static char folder[] = "/tmp/nbd-attach-notify-XXXXXX";

/* A manager's socket; a leading "@" stands for the abstract namespace. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		MIN(strlen(path), sizeof(address.sun_path)));

	memcpy(address.sun_path, path, MIN(strlen(path), sizeof(address.sun_path)));
	if (path[0] == '@')
		address.sun_path[0] = 0;
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
	return fd;
}

/* The next message, NULL: there is none. */
static const char *heard(int fd)
{
	static char text[1024];
	ssize_t size = recv(fd, text, sizeof(text) - 1, 0);

	if (size < 0)
		assert_int_equal(errno, EAGAIN);
	text[MAX(size, 0)] = 0;
	return size < 0 ? NULL : text;
}

static void hear_all(const char *path)
{
	_cleanup_close_ int fd = listen_at(path);

	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	notify_send("READY=1");
	notify_send("STATUS=/dev/nbd%u: %s", 7, "1 of 1 links up");
	assert_string_equal(heard(fd), "READY=1");
	assert_string_equal(heard(fd), "STATUS=/dev/nbd7: 1 of 1 links up");
	assert_null(heard(fd));
}

/* A path in the folder, filled up to that many bytes. */
static void make_path(char path[NAME_MAX_SIZE + 2], size_t size)
{
	snprintf(path, NAME_MAX_SIZE + 2, "%s/", folder);
	memset(path + strlen(path), 'x', size - strlen(path));
	path[size] = 0;
}

static void test_path(void **state _unused_)
{
	char path[NAME_MAX_SIZE + 2];

	make_path(path, sizeof(folder) + 1);
	hear_all(path);
	unlink(path);
	make_path(path, NAME_MAX_SIZE - 1);
	hear_all(path);
	unlink(path);
}

static void test_abstract(void **state _unused_)
{
	char name[64];

	snprintf(name, sizeof(name), "@nbd-attach/test-notify/%d", getpid());
	hear_all(name);
}

/* A path that is too long is not cut: somebody else may listen there. */
static void test_too_long(void **state _unused_)
{
	char path[NAME_MAX_SIZE + 2];
	_cleanup_close_ int full = -1, cut = -1;

	make_path(path, NAME_MAX_SIZE);
	full = listen_at(path); /* the kernel could: it needs no NUL */
	path[NAME_MAX_SIZE - 1] = 0;
	cut = listen_at(path);
	unlink(path);
	make_path(path, NAME_MAX_SIZE + 1);
	setenv("NOTIFY_SOCKET", path, 1);
	notify_send("READY=1");
	assert_null(heard(full));
	assert_null(heard(cut));
	path[0] = '@';
	setenv("NOTIFY_SOCKET", path, 1);
	notify_send("READY=1");
}

/* Nothing to send to, or something of another kind: nothing happens. */
static void test_nobody(void **state _unused_)
{
	static const char *const rows[] = {
		"", "relative", "/nowhere/at/all", "@nobody", "vsock:2:1234", "@"};

	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		setenv("NOTIFY_SOCKET", rows[i], 1);
		notify_send("READY=1");
	}
}

/* A manager that does not read must not block us. */
static void test_busy(void **state _unused_)
{
	char name[64];
	_cleanup_close_ int fd = -1;
	unsigned n = 0;

	snprintf(name, sizeof(name), "@nbd-attach/test-notify-busy/%d", getpid());
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	for (unsigned i = 0; i < 10000; i++)
		notify_send("WATCHDOG=1");
	while (heard(fd))
		n++;
	assert_true(n >= 1);
	assert_true(n <= 9999);
}

static void test_long_text(void **state _unused_)
{
	char name[64], text[2000];
	_cleanup_close_ int fd = -1;
	const char *line;

	snprintf(name, sizeof(name), "@nbd-attach/test-notify-long/%d", getpid());
	fd = listen_at(name);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("STATUS=%s", text);
	line = heard(fd);
	assert_non_null(line);
	assert_memory_equal(line, "STATUS=xxx", 10);
	assert_true(strlen(line) >= 100);
	assert_true(strlen(line) <= 1000);
}

static void test_watchdog(void **state _unused_)
{
	char ours[24], other[24];
	const struct {
		const char *interval, *pid;
		usec_t expected;
	} rows[] = {
		{NULL, NULL, USEC_INFINITY},
		{NULL, ours, USEC_INFINITY},
		{"30000000", NULL, 30 * USEC_PER_SEC},
		{"30000000", ours, 30 * USEC_PER_SEC},
		{"1", ours, 1},
		{"30000000", other, USEC_INFINITY},
		{"30000000", "", USEC_INFINITY},
		{"30000000", "1", USEC_INFINITY},
		{"30000000", "x", USEC_INFINITY},
		{"0", ours, USEC_INFINITY},
		{"", ours, USEC_INFINITY},
		{"-1", ours, USEC_INFINITY},
		{"30s", ours, USEC_INFINITY},
		{"18446744073709551615", ours, USEC_INFINITY},
		{"99999999999999999999", ours, USEC_INFINITY},
	};

	snprintf(ours, sizeof(ours), "%d", getpid());
	snprintf(other, sizeof(other), "%d", getppid());
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (rows[i].interval)
			setenv("WATCHDOG_USEC", rows[i].interval, 1);
		if (rows[i].pid)
			setenv("WATCHDOG_PID", rows[i].pid, 1);
		if (notify_watchdog_interval() != rows[i].expected)
			fail_msg(
				"row %zu: %ju", i, (uintmax_t)notify_watchdog_interval());
	}
}

static int make_folder(void **state _unused_)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state _unused_)
{
	char path[NAME_MAX_SIZE + 2];

	make_path(path, NAME_MAX_SIZE);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
