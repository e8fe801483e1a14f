/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks that the kernel encrypts what its nbd driver sends over a link with kernel TLS:
 * a change in how the driver sends could bypass the TLS layer, and nothing else would
 * show it. If TCP was given bytes but no TLS record was sent, the bytes were plaintext.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* The counters of a link before the driver got it. */
struct encryption {
	bool pending;     /* it has kernel TLS, and encryption is not confirmed yet */
	uint64_t bytes;   /* given to TCP to send */
	uint64_t records; /* sent by TLS */
};

enum encryption_verdict {
	ENCRYPTION_UNKNOWN, /* no request was sent since */
	ENCRYPTION_SEEN,
	ENCRYPTION_MISSING,
};

/* Must be called before the driver gets the socket. */
void encryption_begin(struct encryption *e, int fd);

/* Compares later counters with those. */
enum encryption_verdict encryption_compare(
	const struct encryption *e, uint64_t bytes, uint64_t records);

/*
 * Checks the counters by our own descriptor of the link (-1: there is none), even if the
 * link has ended. No longer pending once encryption is seen. -EPROTO, FAULT_KERNEL: what
 * was sent is plaintext.
 */
int encryption_check(struct encryption *e, int fd, struct error *err);
