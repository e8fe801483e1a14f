/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a link worker tells its parent: messages of fixed size on a SOCK_SEQPACKET socket.
 * The worker has talked to the server and is not trusted any more, so that the parent
 * believes a field only after report_check().
 */
#pragma once

#include <stdint.h>

#include "wire/connect.h"
#include "wire/negotiate.h"

#define REPORT_MAGIC UINT32_C(0x4e424457)

enum report_kind { REPORT_EXPORT = 1, REPORT_DONE, REPORT_FAILED };

struct report_head {
	uint32_t magic;
	uint32_t kind; /* enum report_kind */
};

/* The end of an attempt that went well. */
struct report_done {
	struct report_head head;
	struct server_facts facts;
};

struct report_failed {
	struct report_head head;
	int32_t r; /* -errno */
	struct error error;
};

/* One line of a list of exports; before report_done. */
struct report_export {
	struct report_head head;
	char name[NBD_STRING_MAX + 1];
	char description[NBD_DESCRIPTION_SIZE];
};

union report {
	struct report_head head;
	struct report_done done;
	struct report_failed failed;
	struct report_export export;
};

/*
 * Whether `size` bytes are one of the reports, with every field within its bounds and
 * every text terminated and free of control characters. 0, or -EPROTO with
 * FAULT_PROTOCOL.
 */
int report_check(const union report *report, size_t size, struct error *err);

/* From the worker's side: tells of a failure, also one that nothing is known of but r. */
void report_failure(int socket, int r, const struct error *err);

/*
 * Whether the connector's socket is what the target asks for: a stream socket of its
 * family, to a peer that fits (see peer_fits()). Where that goes is the connector's to
 * say, which has read nothing of the server. 0, or -EPROTO with FAULT_PROTOCOL.
 */
int report_check_socket(
	int fd, const struct peer *peer, const struct target *t, struct error *err);

/*
 * Whether it is so still, after the worker has had it: connected to the peer that the
 * connector saw, and, for TLS, one whose keys the kernel has. 0, or -EPROTO with
 * FAULT_PROTOCOL; -ECONNRESET: the server has ended it.
 */
int report_check_link(int fd, const struct peer *peer, bool tls, struct error *err);
