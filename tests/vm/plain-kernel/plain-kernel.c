/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <unistd.h>

#define PLAINTEXT "/run/plaintext"

int __real_ktls_sent(int fd, uint64_t *ret);
int __wrap_ktls_sent(int fd, uint64_t *ret);

int __wrap_ktls_sent(int fd, uint64_t *ret)
{
	int r = __real_ktls_sent(fd, ret);

	if (access(PLAINTEXT, F_OK) == 0)
		*ret = 5;
	return r;
}
