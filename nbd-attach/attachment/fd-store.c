/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attachment/fd-store.h"
#include "common/fd.h"
#include "common/notify.h"

#define NAME_SIZE 32

static const char *name_of(int fd, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "link-%" PRIu64, fd_inode(fd));
	return name;
}

void fd_store_add(const struct attachment *a, unsigned link)
{
	char name[NAME_SIZE];

	if (a->sockets[link] >= 0)
		notify_store(name_of(a->sockets[link], name), a->sockets[link]);
}

static void remove_from_store(int fd)
{
	char name[NAME_SIZE];

	notify_send("FDSTOREREMOVE=1\nFDNAME=%s", name_of(fd, name));
}

void fd_store_remove(const struct attachment *a, unsigned link)
{
	if (a->sockets[link] >= 0)
		remove_from_store(a->sockets[link]);
}

/* Of a link's two sockets, supervise.c finds out which one the driver has. */
static int *place_for(struct attachment *a, uint64_t inode)
{
	for (unsigned i = 0; i < a->state.n_links && inode != 0; i++) {
		const struct state_link *link = &a->state.links[i];

		if ((link->socket == inode || link->candidate == inode) &&
			a->sockets[i] < 0)
			return &a->sockets[i];
	}
	return NULL;
}

void fd_store_take(struct attachment *a)
{
	int n = (int)notify_n_passed();

	for (int fd = STDERR_FILENO + 1; fd < STDERR_FILENO + 1 + n; fd++) {
		int *place = place_for(a, fd_inode(fd));

		if (place && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
			*place = fd;
			continue;
		}
		remove_from_store(fd);
		close(fd);
	}
	unsetenv("LISTEN_FDS"); /* these numbers are invalid now */
}
