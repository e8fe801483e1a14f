/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/param.h>

#include "common/log.h"
#include "common/text.h"
#include "wire/greeting.h"

#define MAGICS_SIZE offsetof(struct nbd_greeting, flags)

/* Protocols in which the server speaks first. TLS records begin with their type and 3,
 * the version. */
static const struct {
	const char *begin, *protocol;
} others[] = {
	{"SSH-", " but SSH (check the port)"},
	{"HTTP/", " but HTTP (check the port)"},
	{"RFB ", " but VNC (check the port)"},
	{"\x15\x03",
		" but TLS from the first byte (NBD starts in plaintext, also for nbds://)"},
	{"\x16\x03",
		" but TLS from the first byte (NBD starts in plaintext, also for nbds://)"},
};

/* The server has sent `size` bytes. */
static int not_nbd(const struct nbd_greeting *greeting, size_t size, struct error *err)
{
	const char *protocol = " (check the port)";
	char quoted[32];

	for (size_t i = 0; i < ELEMENTSOF(others); i++)
		if (strncmp((const char *)greeting, others[i].begin,
			    strlen(others[i].begin)) == 0)
			protocol = others[i].protocol;
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the server does not speak NBD%s: it begins with %s", protocol,
		text_quote(greeting, size, quoted, sizeof(quoted)));
}

/*
 * The second magic number tells newstyle from oldstyle, whose greeting goes on
 * differently. The first is judged as far as it has come: some servers say less than 16
 * bytes and then wait.
 */
static int read_magics(struct stream *s, struct nbd_greeting *greeting, struct error *err)
{
	const uint64_t magic = htobe64(NBD_MAGIC);

	for (size_t size = 0; size < MAGICS_SIZE;) {
		ssize_t n = stream_read_some(
			s, (char *)greeting + size, MAGICS_SIZE - size, err);

		if (n < 0)
			return (int)n;
		size += (size_t)n;
		if (memcmp(greeting, &magic, MIN(size, sizeof(magic))) != 0)
			return not_nbd(greeting, size, err);
	}
	if (be64toh(greeting->option_magic) == NBD_OLDSTYLE_MAGIC)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the server speaks old-style NBD, which has neither exports nor TLS: let it "
			"serve by name (newstyle), or update it");
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
	if (r == -ETIMEDOUT && greeting->magic == 0)
		error_set(err, FAULT_UNREACHED, r,
			"the server accepted the connection, but sent no greeting in time "
			"(--connect-timeout): " GREETING_SILENCE);
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
	r = read_magics(&n->stream, &greeting, err);
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
			"the server offers no TLS (no fixed newstyle negotiation), and TLS is required: "
			"update it");
	if (n->fixed_newstyle)
		flags |= NBD_FLAG_C_FIXED_NEWSTYLE;
	if (n->no_zeroes)
		flags |= NBD_FLAG_C_NO_ZEROES;
	flags = htobe32(flags);
	return stream_write(&n->stream, &flags, sizeof(flags), err);
}
