/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "wire/opt-export-name.h"

int opt_export_name(struct negotiation *n, struct nbd_export *ret, struct error *err)
{
	const char *name = n->target->export_name;
	struct nbd_export_name_reply reply;
	char padding[NBD_EXPORT_NAME_PADDING];
	struct nbd_export found = {0};
	int r;

	r = option_send(n, NBD_OPT_EXPORT_NAME, name, strlen(name), err);
	if (r < 0)
		return r;
	/* A server refuses this option by closing before the first byte; later it is an
	 * error. */
	r = stream_read(&n->stream, &reply, 1, err);
	if (r == -ECONNRESET || r == -ECONNABORTED)
		return error_set(err, FAULT_REFUSED, -ECONNRESET,
			"the server closed the connection: no such export, or access denied");
	if (r < 0)
		return r;
	r = stream_read(&n->stream, (char *)&reply + 1, sizeof(reply) - 1, err);
	if (r < 0)
		return r;
	found.size = be64toh(reply.size);
	/* an option reply, as go-nbd sends it, or one that was due to the option before
	 */
	n->astray = found.size == NBD_REPLY_MAGIC;
	if (n->astray)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the server broke the protocol: it answers EXPORT_NAME with an option "
			"reply%s",
			n->entry == ENTRY_NAME ? " (do not use --no-go with it)" : "");
	if (!n->no_zeroes) {
		r = stream_read(&n->stream, padding, sizeof(padding), err);
		if (r < 0)
			return r;
	}
	found.flags = be16toh(reply.flags);
	r = nbd_export_check(&found, err);
	if (r < 0)
		return r;
	*ret = found;
	return 0;
}
