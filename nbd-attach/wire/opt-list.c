/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "wire/opt-list.h"

/* Of all strings of a list, so that a caller that keeps them does not run out of memory.
 */
#define LIST_SIZE_MAX ((size_t)8 * 1024 * 1024)

static int broken(const char *how, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the server broke the protocol: its list %s", how);
}

/* NBD_REP_SERVER: the length of the name, the name, and a description in the rest. */
static int parse_export(
	const char *data, size_t size, opt_list_fn fn, void *userdata, struct error *err)
{
	uint32_t name_size;

	if (size < sizeof(name_size))
		return broken("has an entry that is too short", err);
	memcpy(&name_size, data, sizeof(name_size));
	name_size = be32toh(name_size);
	data += sizeof(name_size);
	size -= sizeof(name_size);
	if (name_size > size)
		return broken("has a name that is longer than its entry", err);
	if (name_size > NBD_STRING_MAX || size - name_size > NBD_STRING_MAX)
		return broken("has a string of more than 4096 bytes", err);
	if (!text_is_utf8(data, name_size) ||
		!text_is_utf8(data + name_size, size - name_size))
		return broken("has a string that is not UTF-8", err);
	return fn ? fn(data, name_size, data + name_size, size - name_size, userdata) : 0;
}

int opt_list(struct negotiation *n, opt_list_fn fn, void *userdata, struct error *err)
{
	size_t size = 0;
	int r = option_send(n, NBD_OPT_LIST, NULL, 0, err);

	for (unsigned i = 0; r >= 0 && i <= REPLIES_MAX && size <= LIST_SIZE_MAX; i++) {
		struct reply reply;

		r = option_receive(n, NBD_OPT_LIST, NBD_REP_SERVER, &reply, err);
		if (r < 0)
			return r;
		if (reply.type == NBD_REP_ACK)
			return 0;
		if (reply_is_error(&reply))
			return option_refused(n, NBD_OPT_LIST, &reply, err);
		size += reply.size;
		r = parse_export(n->reply, reply.size, fn, userdata, err);
	}
	return r < 0 ? r : broken("does not end", err);
}
