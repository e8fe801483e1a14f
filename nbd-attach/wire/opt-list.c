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

/* What is done with the exports, and how many there were. */
struct sink {
	opt_list_fn fn;
	void *userdata;
	size_t n;
};

static int pass_on(struct sink *sink, const char *name, size_t name_size,
	const char *description, size_t description_size, struct error *err)
{
	if (++sink->n > LIST_MAX)
		return error_set(err, FAULT_PROTOCOL, -E2BIG,
			"the server lists more than %d exports, the most that are read",
			LIST_MAX);
	if (name_size > NBD_STRING_MAX || description_size > NBD_STRING_MAX)
		return broken("has a string of more than 4096 bytes", err);
	return sink->fn
		? sink->fn(name, name_size, description, description_size, sink->userdata)
		: 0;
}

/* The size of a string that begins at data, after its length; SIZE_MAX: it does not fit.
 */
static size_t string_size(const char *data, size_t size)
{
	uint32_t length;

	if (size < sizeof(length))
		return SIZE_MAX;
	memcpy(&length, data, sizeof(length));
	length = be32toh(length);
	return length <= size - sizeof(length) ? length : SIZE_MAX;
}

/*
 * go-nbd puts all names into one reply, so that the others stand where a description
 * should. No description is taken for names: their lengths begin with a NUL byte.
 */
static bool is_more_names(const char *data, size_t size)
{
	bool any = size > 0;

	while (size > 0) {
		size_t length = string_size(data, size);

		if (length == 0 || length > NBD_STRING_MAX)
			return false;
		data += sizeof(uint32_t) + length;
		size -= sizeof(uint32_t) + length;
	}
	return any;
}

/* NBD_REP_SERVER: the length of the name, the name, and a description in the rest. */
static int parse_exports(
	const char *data, size_t size, struct sink *sink, struct error *err)
{
	const size_t head = sizeof(uint32_t);
	int r = 0;

	/* go-nbd without exports */
	if (size == 0)
		return 0;
	if (size < head)
		return broken("has an entry that is too short", err);
	if (string_size(data, size) == SIZE_MAX)
		return broken("has a name that is longer than its entry", err);
	while (r == 0 && size > 0) {
		size_t length = string_size(data, size);
		const char *name = data + head, *rest = name + length;
		size_t left = size - head - length;
		bool more = is_more_names(rest, left);

		r = pass_on(sink, name, length, rest, more ? 0 : left, err);
		data = rest;
		size = more ? left : 0;
	}
	return r;
}

int opt_list(struct negotiation *n, opt_list_fn fn, void *userdata, struct error *err)
{
	struct sink sink = {.fn = fn, .userdata = userdata};
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
		r = parse_exports(n->reply, reply.size, &sink, err);
	}
	if (r < 0)
		return r;
	return error_set(err, FAULT_PROTOCOL, -E2BIG,
		"the server's list has more than 8 MiB or %d replies, the most that is read",
		REPLIES_MAX);
}
