/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "link/tls-records.h"
#include "wire/tls.h"

/* Half of what a server allows; tests use less. */
#ifndef RECORDS_MAX
#define RECORDS_MAX (UINT64_C(1) << 23)
#endif

bool tls_records_near_limit(int fd)
{
	uint64_t n;

	return fd >= 0 && ktls_records(fd, &n) == 0 && n >= RECORDS_MAX;
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
