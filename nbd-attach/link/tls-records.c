/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/sockios.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/socket.h>

#include "link/tls-records.h"
#include "wire/tls.h"

/* Half of what a server allows; tests use less. */
#ifndef RECORDS_MAX
#define RECORDS_MAX (UINT64_C(1) << 23)
#endif

/* TLS 1.3's smallest record has a header, the type of its content, and a tag. */
#define RECORD_SIZE_MIN (5 + 1 + 16)

bool tls_records_near_limit(int fd)
{
	uint64_t n;

	return fd >= 0 && ktls_records(fd, &n) == 0 && n >= RECORDS_MAX;
}

bool tls_records_may_be_near_limit(const struct tcp_traffic *traffic)
{
	return traffic->cipher != TLS_CIPHER_CHACHA20_POLY1305 &&
		MAX(traffic->sent, traffic->received) / RECORD_SIZE_MIN >= RECORDS_MAX;
}

bool tls_record_is_incomplete(int fd, usec_t span)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);
	int waiting = 0;

	return fd >= 0 && ioctl(fd, SIOCINQ, &waiting) == 0 && waiting > 0 &&
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
		info.tcpi_last_data_recv >= span / USEC_PER_MSEC;
}
