/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "link/encryption.h"
#include "wire/nbd-protocol.h"
#include "wire/tls.h"

/* Unacknowledged bytes are read last, so that nothing is counted twice. */
static int read_counters(int fd, uint64_t *ret_bytes, uint64_t *ret_records)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int waiting = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
		ioctl(fd, SIOCOUTQ, &waiting) < 0)
		return -errno;
	*ret_bytes = info.tcpi_bytes_acked + (uint64_t)waiting;
	return ktls_sent(fd, ret_records);
}

void encryption_begin(struct encryption *e, int fd)
{
	*e = (struct encryption){0};
	e->pending =
		ktls_is_installed(fd) && read_counters(fd, &e->bytes, &e->records) == 0;
}

/* One more byte may be the FIN, which TCP counts as one. */
enum encryption_verdict encryption_compare(
	const struct encryption *e, uint64_t bytes, uint64_t records)
{
	if (records != e->records)
		return ENCRYPTION_SEEN;
	return bytes >= e->bytes + sizeof(struct nbd_request) ? ENCRYPTION_MISSING
							      : ENCRYPTION_UNKNOWN;
}

int encryption_check(struct encryption *e, int fd, struct error *err)
{
	uint64_t bytes, records;

	if (!e->pending || fd < 0 || read_counters(fd, &bytes, &records) < 0)
		return 0;
	switch (encryption_compare(e, bytes, records)) {
	case ENCRYPTION_UNKNOWN: return 0;
	case ENCRYPTION_SEEN: e->pending = false; return 0;
	case ENCRYPTION_MISSING: break;
	}
	return error_set(err, FAULT_KERNEL, -EPROTO,
		"this kernel sends data in plaintext although it has the TLS keys: do not use "
		"it, or let a process encrypt (--data-path relay)");
}
