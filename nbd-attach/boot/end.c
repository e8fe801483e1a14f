/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last process that has something to do with the disk that the system ran from: the
 * file system is unmounted, or mounted read-only for good. After the disconnection not
 * one page of this program can be read from there: it is locked in memory before.
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

/* In a child. The server answers, and no cache. */
static int read_disk(const void *index)
{
	hardware_queues_read(*(const unsigned *)index);
	return 0;
}

/* Without one the server could not be told. */
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

/* What could not be mounted read-only has what is yet to be written, while links live. */
static void write_root(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)syncfs(fd);
}

/* Programs of others that systemd-shutdown has started beside us may need the disk. */
static void wait_for_others(void)
{
	char path[64], children[4096];
	pid_t parent = getppid();
	usec_t end = deadline_after(SHUTDOWN_OTHERS_TIMEOUT);

	if (parent == 1)
		return; /* dracut's shutdown, which has no others */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	while (deadline_now() < end) {
		_cleanup_fclose_ FILE *file = fopen(path, "re");
		const char *space;

		if (!file || !fgets(children, sizeof(children), file))
			return;
		space = strchr(children, ' ');
		if (!space || strspn(space, " ") == strlen(space))
			return; /* one: ourselves */
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
