/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last process that has something to do with the disk that the system ran from: the
 * file system is unmounted, or mounted read-only for good. After the disconnection not
 * one page of this program can be read from there: it is locked in memory before.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "boot.h"
#include "common/log.h"
#include "session/attachment.h"

struct end {
	int r;
	struct error *err; /* of the first failure */
};

static int end_one(const char *name, void *userdata)
{
	struct end *end = userdata;
	struct error this = {0};
	int r = 0;

	if (state_is_initrd(name))
		r = attachment_remove(name, true, NULL, &this);
	if (r == 0 || r == -ENOENT || end->r < 0)
		return 0;
	end->r = r;
	*end->err = this;
	return 0;
}

int boot_end(struct error *err)
{
	struct end end = {.err = err};
	int r;

	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning("cannot lock the memory: %s", strerror(errno));
	r = state_each(end_one, &end);
	return r < 0
		? error_set(err, FAULT_OTHER, r, "cannot read " STATE_DIRECTORY ": %m")
		: end.r;
}
