/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "attachment/bring-up.h"
#include "attachment/claim.h"
#include "attachment/create.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "attachment/duplicate.h"
#include "attachment/geometry.h"
#include "attachment/state-file.h"
#include "common/fd.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/timeouts.h"
#include "kernel/clean-device.h"
#include "kernel/device-node.h"
#include "link/links.h"

#define NAME_TRIES 99

/* The kernel's answer may be lost (out of memory), although the device is connected. */
static bool is_connected(const char *name, struct state *state)
{
	struct sysfs_device device;
	struct error ignored;

	if (attachment_find(name, &device, &ignored) < 0)
		return false;
	state->index = device.index;
	return true;
}

static int connect_device(const struct target *t, const char *name, bool supervised,
	const struct links *links, struct state *state, struct error *err)
{
	char backend[BACKEND_SIZE];
	int fds[NBD_LINKS_MAX];
	const struct limits limits = state_limits(state);
	struct nbd_settings settings = {
		.size = state->size,
		.block_size = state->block_size,
		.timeout = attachment_timeout(t, state->n_links, supervised),
		.dead_conn_timeout = attachment_seconds(t->reconnect_timeout),
		.server_flags = state->flags,
		.client_flags = 0,
		.backend = backend,
		.fds = fds,
		.n_fds = links->n,
	};
	int r;

	attachment_backend(name, backend);
	for (size_t i = 0; i < links->n; i++)
		fds[i] = links->list[i].fd;
	r = clean_device_connect(t->device, &limits,
		attachment_io_timeout(state->n_links, supervised), &settings,
		deadline_after(CREATE_DEVICE_TIMEOUT), &state->index, err);
	if (r < 0 && is_connected(name, state))
		return 0;
	if (r == -EINVAL && state->block_size > (uint32_t)sysconf(_SC_PAGESIZE))
		error_set(err, FAULT_KERNEL, r,
			"this kernel does not support blocks of %u bytes",
			state->block_size);
	return r;
}

static int describe(const struct target *t, const struct links *links,
	struct state *state, struct error *err)
{
	_cleanup_free_ char *server = target_server(t);
	const struct server_facts *facts = &links->list[0].facts;
	int r = geometry_choose(t, &facts->export, state, err);

	state->since = time(NULL);
	state->n_links = (unsigned)links->n;
	for (size_t i = 0; i < links->n; i++) {
		struct state_link *link = &state->links[i];

		link->since = state->since;
		link->socket = fd_inode(links->list[i].fd);
		memcpy(link->address, links->list[i].address, sizeof(link->address));
	}
	memcpy(state->address, links->list[0].address, sizeof(state->address));
	memcpy(state->relay, links->relay, sizeof(state->relay));
	state->by_name = links->by_name;
	state_set_tls(state, facts);
	snprintf(state->server, sizeof(state->server), "%s", server ? server : "?");
	return r;
}

/* Is the name free in the kernel? A state without a device does not count. */
static int check_free(const struct claim *claim, struct error *err)
{
	struct sysfs_device device;
	int r = attachment_find(claim->name, &device, err);

	if (r == 0)
		return error_set(err, FAULT_KERNEL, -EEXIST,
			"%s is attached already, as /dev/nbd%u: detach it first, or choose "
			"another --name",
			claim->name, device.index);
	if (r != -ENOENT)
		return r;
	claim_forget_state(claim);
	return 0;
}

static int claim_name(const char *name, struct claim *claim, struct error *err)
{
	int r = claim_take(name, claim, err);

	if (r < 0)
		return r;
	r = check_free(claim, err);
	if (r < 0)
		claim_release(claim);
	return r;
}

/* The name that was asked for, or the first that is free: disk, disk-2, disk-3, … */
static int claim_some_name(const struct target *t, struct claim *claim, struct error *err)
{
	char derived[NBD_NAME_MAX + 1], name[NBD_NAME_MAX + 1];
	int r;

	if (t->name)
		return claim_name(t->name, claim, err);
	target_derive_name(t, derived);
	r = claim_name(derived, claim, err);
	for (unsigned i = 2; (r == -EEXIST || r == -EBUSY) && i <= NAME_TRIES; i++) {
		snprintf(name, sizeof(name), "%.*s-%u", NBD_NAME_MAX - 4, derived, i);
		r = claim_name(name, claim, err);
	}
	return r;
}

void attachment_warn(const struct attachment *a, const struct target *t)
{
	if (a->state.tls && t->tls_ignore_not_before)
		log_warning(
			"the server's certificate may not be valid yet: this is not checked "
			"(tls-ignore-not-before)");
	duplicate_warn(t, a->claim.name, &a->state);
	if (!device_node_has_partitions())
		log_warning(
			"the partitions of /dev/nbd%u may not appear: the nbd module was loaded "
			"with max_part=0 (blockdev --rereadpt /dev/nbd%u reads them once)",
			a->state.index, a->state.index);
}

/* The server first: while waiting for it, no name is held and nothing is left behind. */
static int prepare(const struct target *t, struct links *links, struct attachment *a,
	struct error *err)
{
	int r = attachment_check_root(err);

	if (r == 0)
		r = credentials_read(t, &a->credentials, err);
	if (r == 0)
		r = links_open(t, &a->credentials, links, err);
	if (r == 0)
		r = describe(t, links, &a->state, err);
	if (r == 0)
		r = claim_some_name(t, &a->claim, err);
	/* Before the device exists: after a crash there is no device without a state. */
	if (r == 0)
		r = state_write(&a->claim, &a->state, t, err);
	if (r == 0)
		r = duplicate_refuse(t, a->claim.name, &a->state, err);
	return r;
}

/* The kernel must not get a link on which the server has sent something or closed. */
static int connect_in_time(const struct target *t, bool supervised, struct links *links,
	struct attachment *a, struct error *err)
{
	int r = links_check(links, err);

	for (size_t i = 0; i < links->n; i++)
		encryption_begin(&a->encryption[i], links->list[i].fd);
	return r < 0
		? r
		: connect_device(t, a->claim.name, supervised, links, &a->state, err);
}

int attachment_create(const struct target *t, bool supervised, struct attachment *ret,
	struct error *err)
{
	_cleanup_attachment_ struct attachment a = ATTACHMENT_NONE;
	_cleanup_links_ struct links links = {0};
	int r = prepare(t, &links, &a, err);

	if (r == 0)
		r = connect_in_time(t, supervised, &links, &a, err);
	if (r < 0) {
		if (a.claim.lock >= 0)
			claim_forget_state(&a.claim);
		links_disconnect(&links);
		return r;
	}
	for (size_t i = 0; i < links.n; i++) {
		a.sockets[i] = TAKE_FD(links.list[i].fd);
		a.relays[i] = links.list[i].relay;
		links.list[i].relay = 0;
	}
	a.unread = true;
	if (!supervised)
		credentials_done(&a.credentials);
	a.has_credentials = supervised;
	*ret = a;
	a = ATTACHMENT_NONE;
	return 0;
}

int attachment_make_ready(struct attachment *a, const struct target *t, struct error *err)
{
	/* After a crash, the next process must know which device it is. */
	int r = state_write(&a->claim, &a->state, t, err);

	if (r == 0)
		r = bring_up_run(a, t, err);
	if (r == 0)
		r = attachment_check_encryption(a, err);
	if (r < 0)
		return r;
	attachment_ready(a);
	return state_write(&a->claim, &a->state, t, err);
}

int attachment_give_up(
	struct attachment *a, const struct target *t, int r, struct error *err)
{
	const struct error why = *err;
	struct error used = {0}, ignored;
	int ended;

	/* Not interruptible, although it waits: the device must not be left behind. */
	do {
		interrupt_clear();
		ended = attachment_end(a, GIVE_UP_UDEV_TIMEOUT, &used);
	} while (ended == -EINTR);
	if (ended != -EBUSY) {
		claim_forget_state(&a->claim);
		return r;
	}
	attachment_ready(a);
	(void)state_write(&a->claim, &a->state, t, &ignored);
	error_set(
		err, why.fault, r, "%s; but it stays attached: %s", why.text, used.text);
	return -EBUSY;
}
