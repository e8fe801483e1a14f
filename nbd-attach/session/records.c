/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>

#include "session/records.h"
#include "wire/tls.h"

/* Half of what a server allows; tests build it with less. */
#ifndef RECORDS_MOST
#define RECORDS_MOST (UINT64_C(1) << 23)
#endif

bool records_are_used_up(int fd)
{
	uint64_t n;

	return fd >= 0 && ktls_records(fd, &n) == 0 && n >= RECORDS_MOST;
}
