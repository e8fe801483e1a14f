/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a link worker reports to its parent: messages on a SOCK_SEQPACKET socket. The
 * worker has talked to the server and is no longer trusted, so the parent uses a field
 * only after report_check().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/connect.h"
#include "wire/negotiate.h"

#define REPORT_MAGIC UINT32_C(0x4e424457)

enum report_kind { REPORT_EXPORT = 1, REPORT_DONE, REPORT_FAILED };

struct report_head {
	uint32_t magic;
	uint32_t kind; /* enum report_kind */
};

/* The last report of a successful attempt. */
struct report_done {
	struct report_head head;
	struct server_facts facts;
};

struct report_failed {
	struct report_head head;
	int32_t r;      /* -errno */
	uint32_t retry; /* enum entry: what a new connection should begin with, or ANY */
	struct error error;
};

/*
 * One export of a list; comes before report_done. It ends with the name, because there
 * may be thousands of them, and few of full length.
 */
struct report_export {
	struct report_head head;
	uint32_t name_size;
	char description[NBD_DESCRIPTION_SIZE];
	char name[NBD_STRING_MAX]; /* any bytes, not terminated */
};
#define REPORT_EXPORT_SIZE(name_size) (offsetof(struct report_export, name) + (name_size))

union report {
	struct report_head head;
	struct report_done done;
	struct report_failed failed;
	struct report_export export;
};

/*
 * Whether `size` bytes are a valid report: every field is within its bounds, every text
 * is terminated and free of control characters. 0, or -EPROTO with FAULT_PROTOCOL.
 */
int report_check(const union report *report, size_t size, struct error *err);

/* In the worker or connector: reports a failure, even if only r is known. */
void report_failure(int socket, int r, enum entry retry, const struct error *err);

/*
 * Whether the connector's socket is what the target asks for: a stream socket of its
 * family, to a peer that fits (see peer_fits()) and that the choice allows. Within that
 * the connector decides where it goes, and has read nothing of the server. 0, or -EPROTO
 * with FAULT_PROTOCOL.
 */
int report_check_socket(int fd, const struct peer *peer, const struct target *t,
	const struct address_choice *choice, struct error *err);

/*
 * Checks the socket again after the worker has used it: it is still connected to the peer
 * that the connector saw, and with TLS the kernel has its keys. 0, or -EPROTO with
 * FAULT_PROTOCOL; -ECONNRESET: the server has closed it.
 */
int report_check_link(int fd, const struct peer *peer, bool tls, struct error *err);
