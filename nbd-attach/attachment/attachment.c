/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/param.h>

#include "attachment/attachment.h"
#include "attachment/claim.h"
#include "attachment/device.h"
#include "common/fd.h"
#include "common/timeouts.h"
#include "kernel/nbd-netlink.h"

/* The kernel counts in ticks, in a long. */
#define SECONDS_MAX (sizeof(long) == 4 ? INT32_MAX / 1000 : UINT32_MAX)

uint64_t attachment_seconds(usec_t span)
{
	return MIN(span / USEC_PER_SEC + (span % USEC_PER_SEC > 0), SECONDS_MAX);
}

/*
 * With one supervised link, a slow request does not end the link: the timeout of a free
 * device is 0, and setting it to 0 would set queue/io_timeout too. With several links the
 * kernel has no such mode. Without a supervisor a request that takes too long has to end
 * its link, because nothing else would.
 */
uint64_t attachment_timeout(const struct target *t, unsigned links, bool supervised)
{
	return supervised && links == 1 ? NBD_UNSET : attachment_seconds(t->io_timeout);
}

unsigned attachment_io_timeout(unsigned links, bool supervised)
{
	return supervised && links == 1 ? SUPERVISED_IO_TIMEOUT_MSEC : 0;
}

bool attachment_is_supervised(const char *name)
{
	struct sysfs_device device;
	struct error ignored;
	pid_t holder;

	return attachment_find(name, &device, &ignored) == 0 &&
		claim_is_held(name, &holder);
}

int attachment_check_encryption(struct attachment *a, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < a->state.n_links && r == 0; i++) {
		struct encryption *e = &a->encryption[i];
		bool was_pending = e->pending;

		r = encryption_check(e, a->sockets[i], &a->plaintext);
		if (was_pending && !e->pending)
			a->state.links[i].encrypts = true;
	}
	if (r < 0)
		*err = a->plaintext;
	return r;
}

void attachment_ready(struct attachment *a)
{
	a->state.ready = true;
	a->unread = false;
	state_add_event(
		&a->state, -1, "attached", "attached as /dev/nbd%u", a->state.index);
}

void attachment_done(struct attachment *a)
{
	for (size_t i = 0; i < NBD_LINKS_MAX; i++)
		closep(&a->sockets[i]);
	claim_release(&a->claim);
	credentials_done(&a->credentials);
	*a = ATTACHMENT_NONE;
}
