/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data path through user space, for what kernel TLS cannot do: passes bytes between a
 * socket pair whose other end the nbd driver has (the near side), and the server (the far
 * side), with or without TLS.
 *
 * relay_run() allocates no memory, except what GnuTLS allocates for each record: if
 * memory is short, it may be writeback that waits for the relay.
 */
#pragma once

#include "wire/stream.h"

struct relay;

/* Allocates the buffers. NULL: out of memory. */
struct relay *relay_new(void);
void relay_free(struct relay *relay);
DEFINE_CLEANUP(struct relay *, relay_free)

/*
 * Passes bytes in both directions until one side ends. `far` is in the transmission
 * phase; its deadline is ignored. near and far->fd are non-blocking. If the near side
 * ends (after NBD_CMD_DISC), what it has sent is still passed on, and TLS ends with
 * close_notify: returns 0. -ECONNRESET: the far side ended; -EPROTO: TLS failed;
 * -ETIMEDOUT: one side has ended and the other does not (RELAY_DRAIN_TIMEOUT).
 */
int relay_run(struct relay *relay, int near, struct stream *far);

/*
 * After that: the alert (its description) with which the server ended TLS, and of which
 * close_notify is one. -ENODATA: none.
 */
int relay_alert(const struct relay *relay);
