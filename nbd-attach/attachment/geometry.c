/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sys/param.h>

#include "attachment/geometry.h"
#include "kernel/sysfs.h"

/* The flags that the kernel may use, of those that the server offers. */
static uint16_t kernel_flags(const struct target *t, uint16_t offered)
{
	uint16_t flags = offered &
		(NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH |
			NBD_FLAG_SEND_FUA | NBD_FLAG_ROTATIONAL | NBD_FLAG_SEND_TRIM |
			NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN);

	if (!(flags & NBD_FLAG_SEND_FLUSH))
		flags &= (uint16_t)~NBD_FLAG_SEND_FUA; /* the driver needs both */
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
			"the server requires blocks of at least %u bytes: --block-size %u is too small",
			e->minimum, t->block_size);
	if (t->block_size > 0)
		block = t->block_size;
	if (e->maximum < 4096 || e->maximum < block)
		return error_set(err, FAULT_KERNEL, -EINVAL,
			"the server accepts at most %u bytes per request, and the kernel needs to "
			"send more",
			e->maximum);
	if (e->size < block)
		return error_set(err, FAULT_REFUSED, -EINVAL,
			"the export has %llu bytes, which is less than one block of %u",
			(unsigned long long)e->size, block);
	*ret = block;
	return 0;
}

static uint64_t whole_blocks(uint64_t size, uint32_t block)
{
	return size - size % block;
}

int geometry_choose(const struct target *t, const struct nbd_export *e,
	struct state *state, struct error *err)
{
	int r = choose_block_size(t, e, &state->block_size, err);

	if (r < 0)
		return r;
	state->size = whole_blocks(e->size, state->block_size);
	state->maximum = MIN(e->maximum, SYSFS_REQUEST_MAX);
	state->flags = kernel_flags(t, e->flags);
	return 0;
}

/* The first feature that the device relies on and the server no longer has. */
static const char *lost_feature(uint16_t relied, uint16_t offered)
{
	static const struct {
		uint16_t flag;
		const char *name;
	} features[] = {
		{NBD_FLAG_SEND_FLUSH, "flush"},
		{NBD_FLAG_SEND_FUA, "forced unit access"},
		{NBD_FLAG_SEND_TRIM, "trim"},
		{NBD_FLAG_SEND_WRITE_ZEROES, "write zeroes"},
	};

	for (size_t i = 0; i < ELEMENTSOF(features); i++)
		if (relied & features[i].flag & ~offered)
			return features[i].name;
	return NULL;
}

#define REFUSE(err, ...) error_set(err, FAULT_REFUSED, -ESTALE, __VA_ARGS__)

static int check_export(const struct target *t, const struct nbd_export *e,
	const struct state *s, struct error *err)
{
	uint16_t flags = kernel_flags(t, e->flags);
	uint64_t size = whole_blocks(e->size, s->block_size);
	const char *lost = lost_feature(s->flags, flags);

	if (size < s->size)
		return REFUSE(err,
			"the export has shrunk from %" PRIu64 " to %" PRIu64
			" bytes: I/O waits until it is as large again",
			s->size, size);
	if ((flags ^ s->flags) & NBD_FLAG_READ_ONLY)
		return REFUSE(err, "the export is %s now: I/O waits until that is undone",
			flags & NBD_FLAG_READ_ONLY ? "read-only" : "no longer read-only");
	if (MAX(e->minimum, 512) > s->block_size ||
		(t->block_size == 0 && MAX(e->minimum, 512) != s->block_size))
		return REFUSE(err,
			"the export's block size was %u and is %u bytes now: I/O waits until that "
			"is undone",
			s->block_size, MAX(e->minimum, 512));
	if (e->maximum < s->maximum)
		return REFUSE(err,
			"the server accepts %u bytes per request now, and the kernel sends up to %u",
			e->maximum, s->maximum);
	if (lost)
		return REFUSE(err,
			"the server no longer supports what the device uses: %s", lost);
	if (s->n_links > 1 && !(flags & NBD_FLAG_CAN_MULTI_CONN))
		return REFUSE(err, "the server allows only one connection now");
	return 0;
}

int geometry_check(const struct target *t, const struct server_facts *facts,
	const struct state *state, uint64_t *ret_size, struct error *err)
{
	int r;

	if (state->tls && !facts->tls)
		return error_set(err, FAULT_TLS, -ESTALE,
			"the server no longer offers TLS: I/O waits until it does");
	r = check_export(t, &facts->export, state, err);
	if (r == 0)
		*ret_size = whole_blocks(facts->export.size, state->block_size);
	return r;
}
