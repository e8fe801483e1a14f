/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To be preloaded: while there is a file that says so, nobody can listen to the kernel's
 * drivers, as when there is no memory for it. It takes a while to find that out, which is
 * time for who begins to use the disk.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEAF "/run/deaf"

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	int (*real)(int, int, int, const void *, socklen_t) =
		dlsym(RTLD_NEXT, "setsockopt");

	if (level != SOL_NETLINK || name != NETLINK_ADD_MEMBERSHIP ||
		access(DEAF, F_OK) < 0)
		return real(fd, level, name, value, size);
	sleep(1);
	errno = ENOBUFS;
	return -1;
}
