/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/text.h"
#include "wire/opt-info-go.h"

/*
 * What is asked for beside the export's size and flags. GO asks for nothing to show only:
 * rust-nbd refuses such a GO, and enters the transmission phase all the same.
 */
static const uint16_t requests[] = {NBD_INFO_BLOCK_SIZE, NBD_INFO_DESCRIPTION};
#define N_REQUESTS(option) ((option) == NBD_OPT_GO ? 1 : ELEMENTSOF(requests))

static int broken(const char *how, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the server broke the protocol: its information %s", how);
}

static int send_request(struct negotiation *n, enum nbd_option option, struct error *err)
{
	const char *name = n->target->export_name;
	size_t size = strlen(name);
	char data[sizeof(uint32_t) + NBD_STRING_MAX + sizeof(uint16_t) +
		sizeof(requests)];
	uint32_t name_size = htobe32((uint32_t)size);
	uint16_t count = htobe16((uint16_t)N_REQUESTS(option));
	char *p = data;

	if (size > NBD_STRING_MAX)
		return error_set(
			err, FAULT_USAGE, -E2BIG, "the export's name is longer than 4096 bytes");
	p = mempcpy(p, &name_size, sizeof(name_size));
	p = mempcpy(p, name, size);
	p = mempcpy(p, &count, sizeof(count));
	for (size_t i = 0; i < N_REQUESTS(option); i++) {
		uint16_t request = htobe16(requests[i]);

		p = mempcpy(p, &request, sizeof(request));
	}
	return option_send(n, option, data, (size_t)(p - data), err);
}

static int parse_export(const void *data, uint32_t size, struct nbd_export *e,
	bool *has_export, struct error *err)
{
	struct nbd_info_export info;

	if (size != sizeof(info))
		return broken("on the export has a wrong length", err);
	memcpy(&info, data, sizeof(info));
	e->size = be64toh(info.size);
	e->flags = be16toh(info.flags);
	*has_export = true;
	return 0;
}

static int parse_block_size(
	const void *data, uint32_t size, struct nbd_export *e, struct error *err)
{
	struct nbd_info_block_size info;

	if (size != sizeof(info))
		return broken("on block sizes has a wrong length", err);
	memcpy(&info, data, sizeof(info));
	e->minimum = be32toh(info.minimum);
	e->preferred = be32toh(info.preferred);
	e->maximum = be32toh(info.maximum);
	/* All zero would mean "not given" to nbd_export_check(). */
	if (e->minimum == 0 || e->preferred == 0 || e->maximum == 0)
		return broken("on block sizes has a zero", err);
	return 0;
}

static int parse_description(
	const char *data, uint32_t size, struct nbd_export *e, struct error *err)
{
	size_t keep = size - sizeof(uint16_t);

	data += sizeof(uint16_t);
	if (keep > NBD_STRING_MAX)
		return broken("has a description of more than 4096 bytes", err);
	keep = text_cut(data, keep, sizeof(e->description) - 1);
	memcpy(e->description, data, keep);
	/* qemu-nbd passes on whatever bytes its user typed */
	e->description[text_repair(e->description, keep)] = 0;
	return 0;
}

/* NBD_REP_INFO. Unknown types must be ignored. */
static int parse_info(const struct negotiation *n, uint32_t size, struct nbd_export *e,
	bool *has_export, struct error *err)
{
	uint16_t type;

	if (size < sizeof(type))
		return broken("has no type", err);
	memcpy(&type, n->reply, sizeof(type));
	switch (be16toh(type)) {
	case NBD_INFO_EXPORT: return parse_export(n->reply, size, e, has_export, err);
	case NBD_INFO_BLOCK_SIZE: return parse_block_size(n->reply, size, e, err);
	case NBD_INFO_DESCRIPTION: return parse_description(n->reply, size, e, err);
	default: return 0;
	}
}

int opt_info_go(struct negotiation *n, enum nbd_option option, struct nbd_export *ret,
	struct error *err)
{
	struct nbd_export e = {0};
	bool has_export = false;
	int r = send_request(n, option, err);

	for (unsigned i = 0; r >= 0 && i <= REPLIES_MAX; i++) {
		struct reply reply;

		r = option_receive(n, option, NBD_REP_INFO, &reply, err);
		if (r < 0)
			return r;
		if (reply_is_error(&reply))
			return option_refused(n, option, &reply, err);
		if (reply.type == NBD_REP_ACK) {
			if (!has_export)
				return broken("lacks the export's size and flags", err);
			r = nbd_export_check(&e, err);
			if (r == 0)
				*ret = e;
			return r;
		}
		r = parse_info(n, reply.size, &e, &has_export, err);
	}
	return r < 0 ? r : broken("does not end", err);
}
