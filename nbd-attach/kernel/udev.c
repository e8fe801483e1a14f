/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "common/scope.h"
#include "common/timeouts.h"
#include "kernel/sysfs.h"
#include "kernel/udev.h"

/*
 * /run/udev/queue exists while udevd has work, but only once udevd has read the kernel's
 * event: hence a pause before each check, and two checks in a row.
 */
#define QUIET_CHECKS 2

#define UDEV_MULTICAST_GROUP 2
#define UUID_SIZE            36

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

/* Whether udev runs, and waiting for it cannot deadlock. */
static bool may_wait(void)
{
	return access("/run/udev/control", F_OK) == 0 && !is_started_by_udev();
}

/* To the messages that udev sends when it has handled an event (libudev's monitors). */
static int listen_to_udev(void)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK, .nl_groups = UDEV_MULTICAST_GROUP};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

int udev_trigger(
	unsigned index, const char *action, struct udev_event *ret, struct error *err)
{
	char uuid[UUID_SIZE + 1] = "", words[64];
	_cleanup_fclose_ FILE *file = NULL;

	*ret = UDEV_EVENT_NONE;
	ret->index = index;
	file = may_wait() ? fopen("/proc/sys/kernel/random/uuid", "re") : NULL;
	if (!file || !fgets(uuid, sizeof(uuid), file))
		return sysfs_trigger_uevent(index, action, err);
	ret->socket = listen_to_udev();
	ret->alone = deadline_after(UDEV_EVENT_TIMEOUT);
	snprintf(ret->id, sizeof(ret->id), "SYNTH_UUID=%s", uuid);
	snprintf(words, sizeof(words), "%s %s", action, uuid);
	return sysfs_trigger_uevent(index, words, err);
}

void udev_event_done(struct udev_event *event)
{
	closep(&event->socket);
	*event = UDEV_EVENT_NONE;
}

/* If messages were lost (ENOBUFS), the one for this event may be among them. */
static void read_messages(struct udev_event *event)
{
	char message[16384];
	ssize_t n;

	while ((n = recv(event->socket, message, sizeof(message), 0)) >= 0)
		if (memmem(message, (size_t)n, event->id, sizeof(event->id)))
			event->is_handled = true;
	if (errno == ENOBUFS)
		event->alone = 0;
}

/* udev writes what it knows of a device before it tells its listeners. */
static int is_unknown(unsigned index, const char *partition, void *none _unused_)
{
	char path[64];
	dev_t number;

	if (sysfs_number(index, partition, &number) < 0)
		return 0; /* gone just now */
	snprintf(path, sizeof(path), "/run/udev/data/b%u:%u", major(number),
		minor(number));
	return access(path, F_OK) < 0;
}

static bool is_done(struct udev_event *event)
{
	read_messages(event);
	return event->is_handled &&
		sysfs_each_partition(event->index, is_unknown, NULL) == 0;
}

static bool queue_is_empty(void)
{
	return access("/run/udev/queue", F_OK) < 0;
}

int udev_await(struct udev_event *event, usec_t deadline)
{
	usec_t next;
	int quiet = 0, r;

	if (event->socket < 0)
		return udev_settle(deadline);
	while (!is_done(event) && quiet < QUIET_CHECKS) {
		next = MAX(event->alone, deadline_after(UDEV_POLL_MAX));
		r = deadline_wait(event->socket, POLLIN, MIN(next, deadline));
		if (r == -EINTR || deadline_left(deadline) == 0)
			return r < 0 ? r : -ETIMEDOUT;
		if (r < 0)
			quiet = queue_is_empty() ? quiet + 1 : 0;
	}
	return 0;
}

int udev_settle(usec_t deadline)
{
	usec_t pause = UDEV_POLL_MIN;
	int quiet = 0, r;

	if (!may_wait())
		return 0;
	while (quiet < QUIET_CHECKS) {
		r = deadline_sleep(pause, deadline);
		if (r < 0)
			return r;
		if (queue_is_empty()) {
			quiet++;
			continue;
		}
		quiet = 0;
		pause = pause * 2 < UDEV_POLL_MAX ? pause * 2 : UDEV_POLL_MAX;
	}
	return 0;
}
