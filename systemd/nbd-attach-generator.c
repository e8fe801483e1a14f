/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Called by systemd early at boot, and at each daemon-reload, with three folders for
 * units: the first, for those that rank below /etc/systemd, is ours.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "generate.h"

/* The journal may not run yet, and stderr is not shown: the kernel's log is kept. */
static void log_to_kernel(void)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

int main(int argc, char **argv)
{
	log_setup("nbd-attach-generator", false);
	if (argc != 4) {
		log_error("usage: nbd-attach-generator NORMAL EARLY LATE, folders that "
			  "systemd makes; see systemd.generator(7)");
		return 2;
	}
	if (getenv("SYSTEMD_SCOPE"))
		log_to_kernel();
	generate("", argv[1]);
	return 0;
}
