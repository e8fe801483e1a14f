/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "wire/option.h"

/* The longest options that we send: INFO and GO, with the export's name. */
#define OPTION_SIZE_MAX (NBD_STRING_MAX + 64)

const char *option_name(enum nbd_option option)
{
	switch (option) {
	case NBD_OPT_EXPORT_NAME: return "EXPORT_NAME";
	case NBD_OPT_ABORT: return "ABORT";
	case NBD_OPT_LIST: return "LIST";
	case NBD_OPT_STARTTLS: return "STARTTLS";
	case NBD_OPT_INFO: return "INFO";
	case NBD_OPT_GO: return "GO";
	}
	return "?";
}

int option_send(struct negotiation *n, enum nbd_option option, const void *data,
	size_t size, struct error *err)
{
	struct nbd_option_header header = {.magic = htobe64(NBD_OPTION_MAGIC),
		.option = htobe32(option),
		.size = htobe32((uint32_t)size)};
	char message[sizeof(header) + OPTION_SIZE_MAX];

	if (size > OPTION_SIZE_MAX)
		return error_set(err, FAULT_USAGE, -E2BIG,
			"the export's name is longer than 4096 bytes");
	/* In one piece, because some servers take a lone header for a client that stalls.
	 */
	memcpy(message, &header, sizeof(header));
	if (size > 0)
		memcpy(message + sizeof(header), data, size);
	n->stream.step = option_name(option);
	n->replied = n->astray = false;
	log_debug("sending %s %s", option_name(option),
		n->stream.tls ? "inside TLS" : "in plaintext");
	return stream_write(&n->stream, message, sizeof(header) + size, err);
}

static int broken(enum nbd_option option, const char *how, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the server broke the protocol: its reply to %s %s", option_name(option),
		how);
}

/* What the header alone shows (NBD protocol, "Option reply types").
 */
static int check_header(struct negotiation *n, enum nbd_option option,
	const struct nbd_reply_header *header, uint32_t expected, struct error *err)
{
	uint32_t type = be32toh(header->type);
	uint32_t size = be32toh(header->size);

	n->astray = be64toh(header->magic) != NBD_REPLY_MAGIC ||
		be32toh(header->option) != (uint32_t)option;
	if (be64toh(header->magic) != NBD_REPLY_MAGIC)
		return broken(option, "has a wrong magic number", err);
	if (be32toh(header->option) != (uint32_t)option)
		return broken(option, "names another option", err);
	if (size > REPLY_SIZE_MAX)
		return broken(option, "is too long", err);
	if (type == NBD_REP_ACK && size != 0)
		return broken(option, "is an ACK with data", err);
	if (type == NBD_REP_ERR_TLS_REQD && n->stream.tls)
		return broken(option, "demands TLS inside TLS", err);
	if (!(type & NBD_REP_ERR_BIT) && type != NBD_REP_ACK &&
		(!expected || type != expected))
		return broken(option, "is of a type that does not belong there", err);
	return 0;
}

int option_receive(struct negotiation *n, enum nbd_option option, uint32_t expected,
	struct reply *ret, struct error *err)
{
	struct nbd_reply_header header;
	uint32_t size;
	int r;

	n->stream.step = option_name(option);
	r = stream_read(&n->stream, &header, sizeof(header), err);
	if (r < 0)
		return r;
	r = check_header(n, option, &header, expected, err);
	if (r < 0)
		return r;
	size = be32toh(header.size);
	r = stream_read(&n->stream, n->reply, size, err);
	if (r < 0)
		return r;
	n->reply[size] = 0;
	n->replied = true;
	*ret = (struct reply){.type = be32toh(header.type), .size = size};
	log_debug("%s is answered with %s %u", option_name(option),
		reply_is_error(ret) ? "error" : "reply", ret->type & ~NBD_REP_ERR_BIT);
	return 0;
}

/* The first that fits counts. */
static const struct {
	uint32_t type;
	uint32_t option; /* 0: any */
	int r;
	const char *meaning;
} refusals[] = {
	{NBD_REP_ERR_UNSUP, NBD_OPT_LIST, -ENOTSUP,
		"the server does not support %s: name an export in the URI"},
	{NBD_REP_ERR_POLICY, NBD_OPT_LIST, -EACCES,
		"the server's policy forbids %s: name an export in the URI"},
	{NBD_REP_ERR_TLS_REQD, NBD_OPT_STARTTLS, -EINVAL, "the server refused %s"},
	{NBD_REP_ERR_UNKNOWN, NBD_OPT_STARTTLS, -EINVAL, "the server refused %s"},
	{NBD_REP_ERR_BLOCK_SIZE_REQD, NBD_OPT_STARTTLS, -EINVAL, "the server refused %s"},
	{NBD_REP_ERR_UNSUP, 0, -ENOTSUP, "the server does not support %s"},
	{NBD_REP_ERR_POLICY, 0, -EACCES, "the server's policy forbids %s"},
	{NBD_REP_ERR_INVALID, 0, -EINVAL, "the server rejected our %s as invalid"},
	{NBD_REP_ERR_PLATFORM, 0, -EINVAL, "the server's platform does not support %s"},
	{NBD_REP_ERR_TLS_REQD, 0, -EPROTONOSUPPORT,
		"the server requires TLS for %s: use nbds://, or --tls require"},
	{NBD_REP_ERR_UNKNOWN, 0, -ENOENT,
		"the server has no export %s (see info --list)"},
	{NBD_REP_ERR_SHUTDOWN, 0, -ESHUTDOWN, "the server is shutting down (%s)"},
	{NBD_REP_ERR_BLOCK_SIZE_REQD, 0, -EINVAL,
		"the server requires block sizes for %s"},
	{NBD_REP_ERR_TOO_BIG, 0, -EINVAL, "the server rejected our %s as too big"},
};

int option_refused(const struct negotiation *n, enum nbd_option option,
	const struct reply *reply, struct error *err)
{
	const char *meaning = "the server refused %s";
	char said[160] = "", what[300], words[128], request[160];
	int r = -EINVAL;

	for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
		if (refusals[i].type == reply->type &&
			(!refusals[i].option || refusals[i].option == (uint32_t)option)) {
			meaning = refusals[i].meaning;
			r = refusals[i].r;
			break;
		}
	if (option == NBD_OPT_INFO || option == NBD_OPT_GO)
		snprintf(request, sizeof(request), "%s%s%s",
			r == -ENOENT ? "" : option_name(option),
			r == -ENOENT ? "" : " of ",
			text_quote(n->target->export_name, strlen(n->target->export_name),
				words, sizeof(words)));
	else
		snprintf(request, sizeof(request), "%s", option_name(option));
	/* The server's text comes last, so that it cannot pass for ours. */
	if (reply->size > 0)
		snprintf(said, sizeof(said), "; it says %s",
			text_quote(n->reply, reply->size, words, sizeof(words)));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(what, sizeof(what), meaning, request);
#pragma GCC diagnostic pop
	return error_set(err, FAULT_REFUSED, r, "%s%s", what, said);
}
