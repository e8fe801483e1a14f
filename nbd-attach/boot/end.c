/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Detaches the disk that the system ran from, at the very end of shutdown: the file
 * system is unmounted or read-only by now. This program is locked in memory first,
 * because no page of it can be read from the disk after that.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attachment/claim.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "boot/boot.h"
#include "common/deadline.h"
#include "common/log.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/hardware-queues.h"

struct end {
	int r;
	struct error *err; /* of the first failure */
};

/* Reads from the server, not from a cache. In a child, because it may block. */
static int read_disk(const void *index)
{
	hardware_queues_read(*(const unsigned *)index);
	return 0;
}

/* Without a link, NBD_CMD_DISC could not be sent. */
static void wait_for_link(const char *name)
{
	struct sysfs_device device;
	struct error ignored;

	if (attachment_find(name, &device, &ignored) == 0)
		(void)process_run(
			read_disk, &device.index, deadline_after(SHUTDOWN_LINK_TIMEOUT));
}

static int end_one(const char *name, void *userdata)
{
	struct end *end = userdata;
	struct error this = {0};
	int r;

	if (!claim_is_initrd(name))
		return 0;
	wait_for_link(name);
	r = attachment_remove(name, true, NULL, &this);
	if (r == 0 || r == -ENOENT || end->r < 0)
		return 0;
	end->r = r;
	*end->err = this;
	return 0;
}

/* A file system that could not be made read-only may have unwritten data. */
static void write_root(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)syncfs(fd);
}

/* Other programs that systemd-shutdown runs in parallel may need the disk. */
static void wait_for_others(void)
{
	char path[64], children[4096];
	pid_t parent = getppid();
	usec_t end = deadline_after(SHUTDOWN_OTHERS_TIMEOUT);

	if (parent == 1)
		return; /* dracut's shutdown, which runs no others */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	while (deadline_now() < end) {
		_cleanup_fclose_ FILE *file = fopen(path, "re");
		const char *space;

		if (!file || !fgets(children, sizeof(children), file))
			return;
		space = strchr(children, ' ');
		if (!space || strspn(space, " ") == strlen(space))
			return; /* only this process */
		(void)usleep(SHUTDOWN_OTHERS_CHECK);
	}
}

int boot_end(struct error *err)
{
	struct end end = {.err = err};
	int r;

	wait_for_others();
	write_root("/");
	write_root("/oldroot");
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning("cannot lock the memory: %s", strerror(errno));
	r = claim_each(end_one, &end);
	return r < 0
		? error_set(err, FAULT_OTHER, r, "cannot read " STATE_DIRECTORY ": %m")
		: end.r;
}
