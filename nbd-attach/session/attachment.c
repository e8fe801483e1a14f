/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "common/interrupt.h"
#include "common/log.h"
#include "kernel/nbd-netlink.h"
#include "kernel/udev.h"
#include "session/attachment.h"
#include "session/links.h"

/* For udev and for the partition scan, each. */
#define KERNEL_PATIENCE (10 * USEC_PER_SEC)
#define NAME_TRIES      99

/* What the kernel may use of what the server offers. */
static uint64_t kernel_flags(const struct target *t, uint16_t offered)
{
	uint64_t flags = offered &
		(NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH |
			NBD_FLAG_SEND_FUA | NBD_FLAG_ROTATIONAL | NBD_FLAG_SEND_TRIM |
			NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN);

	if (!(flags & NBD_FLAG_SEND_FLUSH))
		flags &= ~(
			uint64_t)NBD_FLAG_SEND_FUA; /* the driver wants both or neither */
	if (t->read_only)
		flags |= NBD_FLAG_READ_ONLY;
	return flags;
}

/* The logical block size, and whether the export can be a block device at all. */
static int choose_block_size(const struct target *t, const struct nbd_export *e,
	uint32_t *ret, struct error *err)
{
	uint32_t block = MAX(e->minimum, 512);

	if (t->block_size > 0 && t->block_size < e->minimum)
		return error_set(err, FAULT_REFUSED, -EINVAL,
			"the server does no blocks below %u bytes: --block-size %u is too small",
			e->minimum, t->block_size);
	if (t->block_size > 0)
		block = t->block_size;
	if (e->maximum < 4096 || e->maximum < block)
		return error_set(err, FAULT_KERNEL, -EINVAL,
			"the server takes at most %u bytes a request, and the kernel needs to send "
			"more",
			e->maximum);
	if (e->size < block)
		return error_set(err, FAULT_REFUSED, -EINVAL,
			"the export has %llu bytes, which is not even one block of %u",
			(unsigned long long)e->size, block);
	*ret = block;
	return 0;
}

static uint64_t seconds(usec_t span)
{
	return span == USEC_INFINITY ? UINT32_MAX
				     : (span + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* Nobody supervises the links, so a request that takes too long has to end its link. */
static int connect_device(const struct target *t, const char *name,
	const struct links *links, struct state *state, struct error *err)
{
	char backend[sizeof(BACKEND_PREFIX) + NBD_NAME_MAX];
	int fds[NBD_LINKS_MAX];
	struct nbd_settings settings = {
		.size = state->size,
		.block_size = state->block_size,
		.timeout = seconds(t->io_timeout),
		.dead_conn_timeout = seconds(t->reconnect_timeout),
		.server_flags = state->flags,
		.client_flags = 0,
		.backend = backend,
		.fds = fds,
		.n_fds = links->n,
	};
	int r;

	snprintf(backend, sizeof(backend), BACKEND_PREFIX "%s", name);
	for (size_t i = 0; i < links->n; i++)
		fds[i] = links->list[i].fd;
	r = nbd_netlink_connect(t->device, &settings, deadline_after(KERNEL_PATIENCE),
		&state->index, err);
	if (r == -EINVAL && state->block_size > (uint32_t)sysconf(_SC_PAGESIZE))
		error_set(err, FAULT_KERNEL, r, "this kernel does no blocks of %u bytes",
			state->block_size);
	return r;
}

/* udev may be slow; that is no reason to take the device away again. */
static int wait_for_udev(unsigned index)
{
	int r = udev_settle(deadline_after(KERNEL_PATIENCE));

	if (r == -ETIMEDOUT)
		log_warning("udev is still busy: the links to /dev/nbd%u may come later",
			index);
	return r == -EINTR ? r : 0;
}

/* From configured to usable: limits before the first large request, partitions, links. */
static int make_ready(const struct state *state, uint32_t maximum, struct error *err)
{
	int r = sysfs_limit_request(state->index, maximum, err);

	if (r == 0)
		r = sysfs_announce(state->index, err);
	if (r == 0)
		r = wait_for_udev(state->index);
	if (r == 0)
		r = sysfs_scan_partitions(
			state->index, deadline_after(KERNEL_PATIENCE), err);
	if (r == 0)
		r = wait_for_udev(state->index);
	if (r == -EINTR)
		error_set(err, FAULT_OTHER, r, "interrupted");
	return r;
}

static void describe(
	const struct target *t, const struct links *links, struct state *state)
{
	_cleanup_free_ char *server = target_server(t);
	const struct server_facts *facts = &links->list[0].facts;

	state->flags = (uint16_t)kernel_flags(t, facts->export.flags);
	state->size = facts->export.size - facts->export.size % state->block_size;
	state->links = (unsigned)links->n;
	state->tls = facts->tls;
	state->tls_verified = facts->tls_verified;
	snprintf(
		state->tls_version, sizeof(state->tls_version), "%s", facts->tls_version);
	snprintf(state->tls_cipher, sizeof(state->tls_cipher), "%s", facts->tls_cipher);
	snprintf(state->server, sizeof(state->server), "%s", server ? server : "?");
	state->since = time(NULL);
}

/* Is the name free, for us and in the kernel? A state without a device does not count. */
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
	state_forget(claim);
	return 0;
}

static int claim_name(const char *name, struct claim *claim, struct error *err)
{
	int r = state_claim(name, claim, err);

	if (r < 0)
		return r;
	r = check_free(claim, err);
	if (r < 0)
		state_release(claim);
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

/* From connected to usable; undone if it does not come to its end. */
static int finish(const struct claim *claim, const struct state *state, uint32_t maximum,
	struct error *err)
{
	struct error ignored;
	int r = state_write(claim, state, err);

	if (r == 0)
		r = make_ready(state, maximum, err);
	if (r < 0) {
		interrupt_clear(); /* the way back takes waiting, too */
		(void)attachment_take_down(state->index, RELEASE_PATIENCE, &ignored);
		state_forget(claim);
	}
	return r;
}

int attachment_create(const struct target *t, unsigned *ret_index, struct error *err)
{
	_cleanup_claim_ struct claim claim = {.root_fd = -1, .fd = -1};
	_cleanup_links_ struct links links = {0};
	struct state state = {0};
	int r = attachment_check_root(err);

	/* The server first: waiting for it holds no name and leaves nothing behind. */
	if (r == 0)
		r = links_open(t, &links, err);
	if (r == 0)
		r = choose_block_size(
			t, &links.list[0].facts.export, &state.block_size, err);
	if (r == 0) {
		describe(t, &links, &state);
		r = claim_some_name(t, &claim, err);
	}
	if (r == 0)
		r = connect_device(t, claim.name, &links, &state, err);
	if (r < 0) {
		links_disconnect(&links);
		return r;
	}
	r = finish(&claim, &state, links.list[0].facts.export.maximum, err);
	if (r == 0)
		*ret_index = state.index;
	return r;
}
