/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "wire/opt-export-name.h"

/*
 * Not of the protocol, but servers in Python refuse an export so, and go-nbd the option
 * itself, both with UNSUP. An option reply that names another option was due to that.
 */
static int take_option_reply(struct negotiation *n,
	const struct nbd_export_name_reply *begin, struct error *err)
{
	struct nbd_reply_header header;
	char quoted[128];

	memcpy(&header, begin, sizeof(*begin));
	if (stream_read(&n->stream, (char *)&header + sizeof(*begin),
		    sizeof(header) - sizeof(*begin), err) == 0 &&
		be32toh(header.option) == NBD_OPT_EXPORT_NAME &&
		(be32toh(header.type) & NBD_REP_ERR_BIT))
		return error_set(err, FAULT_REFUSED, -ENOENT,
			"the server has no export %s (see info --list)%s",
			text_quote(n->target->export_name, strlen(n->target->export_name),
				quoted, sizeof(quoted)),
			n->entry == ENTRY_NAME
				? ", or knows no EXPORT_NAME (then do not use --no-go)"
				: "");
	n->astray = true;
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the server broke the protocol: it answers EXPORT_NAME with an option reply");
}

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
			"the server closed the connection: no such export (see info --list), or access "
			"denied");
	if (r < 0)
		return r;
	r = stream_read(&n->stream, (char *)&reply + 1, sizeof(reply) - 1, err);
	if (r < 0)
		return r;
	found.size = be64toh(reply.size);
	if (found.size == NBD_REPLY_MAGIC)
		return take_option_reply(n, &reply, err);
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
