/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "wire/greeting.h"

#define NOT_NBD "the server does not speak NBD: its greeting has a wrong magic number"

static int check_magic(const struct nbd_greeting *greeting, struct error *err)
{
	if (be64toh(greeting->magic) != NBD_MAGIC)
		return error_set(err, FAULT_PROTOCOL, -EPROTO, NOT_NBD);
	if (be64toh(greeting->option_magic) == NBD_OLDSTYLE_MAGIC)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the server speaks old-style NBD, which has neither exports nor TLS");
	if (be64toh(greeting->option_magic) != NBD_OPTION_MAGIC)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the server broke the protocol: its greeting lacks IHAVEOPT");
	return 0;
}

/*
 * There is no whole greeting: r is -ECONNRESET or -ETIMEDOUT. A proxy that cannot reach
 * the server accepts a connection and closes it; so does a server that is full, or just
 * ends.
 */
static int no_greeting(const struct nbd_greeting *greeting, int r, struct error *err)
{
	static const char magic[] = {'N', 'B', 'D', 'M', 'A', 'G', 'I', 'C'};
	size_t size = strnlen((const char *)greeting, sizeof(magic));

	if (memcmp(greeting, magic, size) != 0)
		return error_set(err, FAULT_PROTOCOL, -EPROTO, NOT_NBD);
	if (r == -ECONNRESET)
		error_set(err, FAULT_UNREACHED, r,
			"the server closed the connection before its greeting: it may be full or "
			"restarting, or a proxy cannot reach it");
	return -EUSERS;
}

int greeting_exchange(struct negotiation *n, struct error *err)
{
	struct nbd_greeting greeting = {0};
	uint32_t flags = 0;
	int r;

	n->stream.step = "the greeting";
	/* The second magic number tells newstyle from oldstyle, whose greeting goes on
	 * differently. */
	r = stream_read(
		&n->stream, &greeting, sizeof(greeting) - sizeof(greeting.flags), err);
	if (r == 0)
		r = check_magic(&greeting, err);
	if (r == 0)
		r = stream_read(&n->stream, &greeting.flags, sizeof(greeting.flags), err);
	if (r == -ETIMEDOUT || r == -ECONNRESET)
		return no_greeting(&greeting, r, err);
	if (r < 0)
		return r;

	n->fixed_newstyle = be16toh(greeting.flags) & NBD_FLAG_FIXED_NEWSTYLE;
	n->no_zeroes = be16toh(greeting.flags) & NBD_FLAG_NO_ZEROES;
	log_debug("greeting: fixed newstyle %s, no zeroes %s",
		n->fixed_newstyle ? "yes" : "no", n->no_zeroes ? "yes" : "no");
	if (!n->fixed_newstyle && n->target->tls == TLS_MODE_REQUIRE)
		return error_set(err, FAULT_TLS, -EPROTONOSUPPORT,
			"the server offers no TLS (no fixed newstyle negotiation), and TLS is required");
	if (n->fixed_newstyle)
		flags |= NBD_FLAG_C_FIXED_NEWSTYLE;
	if (n->no_zeroes)
		flags |= NBD_FLAG_C_NO_ZEROES;
	flags = htobe32(flags);
	return stream_write(&n->stream, &flags, sizeof(flags), err);
}
