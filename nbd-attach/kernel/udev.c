/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/scope.h"
#include "common/timeouts.h"
#include "kernel/udev.h"

/*
 * /run/udev/queue exists while udevd has work, but only once udevd has read the kernel's
 * event: hence a pause before each check, and two checks in a row.
 */
#define QUIET_CHECKS 2

bool udev_is_process(const char *name)
{
	return strcmp(name, "systemd-udevd") == 0 || strcmp(name, "(udev-worker)") == 0 ||
		strcmp(name, "udevd") == 0;
}

/* A process's name and its parent. The name may contain anything, even parentheses. */
static bool read_process(pid_t pid, char *name, size_t size, pid_t *ret_parent)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[32], line[256];
	const char *begin, *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return false;
	begin = strchr(line, '(');
	end = strrchr(line, ')');
	if (!begin || !end || sscanf(end, ") %*c %d", ret_parent) != 1)
		return false;
	snprintf(name, size, "%.*s", (int)(end - begin - 1), begin + 1);
	return true;
}

/*
 * A rule's program (RUN, PROGRAM) is a descendant of udev. A process that it leaves
 * running is not any more, but still has the environment, so that is not checked.
 */
static bool is_started_by_udev(void)
{
	pid_t pid = getppid();
	char name[64];

	while (pid > 1) {
		if (!read_process(pid, name, sizeof(name), &pid))
			return false;
		if (udev_is_process(name))
			return true;
	}
	return false;
}

int udev_settle(usec_t deadline)
{
	usec_t pause = UDEV_POLL_MIN;
	int quiet = 0, r;

	if (access("/run/udev/control", F_OK) < 0 || is_started_by_udev())
		return 0;
	while (quiet < QUIET_CHECKS) {
		r = deadline_sleep(pause, deadline);
		if (r < 0)
			return r;
		if (access("/run/udev/queue", F_OK) < 0) {
			quiet++;
			continue;
		}
		quiet = 0;
		pause = pause * 2 < UDEV_POLL_MAX ? pause * 2 : UDEV_POLL_MAX;
	}
	return 0;
}
