/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * That the kernel encrypts what its nbd driver sends over a link with kernel TLS, checked
 * rather than believed: a change to how the driver sends could pass the TLS layer by, and
 * nothing else would tell. Where bytes have gone to TCP and no TLS record has, they were
 * plaintext.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* A link as it was before the driver got it. */
struct encryption {
	bool due;         /* it has kernel TLS, and was not seen to encrypt yet */
	uint64_t bytes;   /* that TCP had been given to send */
	uint64_t records; /* that TLS had sent */
};

enum encryption_verdict {
	ENCRYPTION_OPEN, /* no request was sent since */
	ENCRYPTION_SEEN,
	ENCRYPTION_MISSING,
};

/* To be called before the driver gets the socket. */
void encryption_begin(struct encryption *e, int fd);

/* What the numbers of later tell. */
enum encryption_verdict encryption_judge(
	const struct encryption *e, uint64_t bytes, uint64_t records);

/*
 * Looks again, by a descriptor of the link that was kept (-1: there is none), even if the
 * link has ended; not due any more once it is seen. -EPROTO, FAULT_KERNEL: what was sent
 * is plaintext.
 */
int encryption_check(struct encryption *e, int fd, struct error *err);
