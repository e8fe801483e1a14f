/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data path through user space, where the kernel cannot do it: bytes between a socket
 * that the kernel's nbd driver holds the other end of (the near side) and the server (the
 * far side), which may be TLS.
 *
 * Nothing is allocated once relay_run() has begun, but by GnuTLS for each record: on a
 * machine that is short of memory it may be writeback that waits for this.
 */
#pragma once

#include "wire/stream.h"

struct relay;

/* Makes the buffers. NULL: out of memory. */
struct relay *relay_new(void);
void relay_free(struct relay *relay);
DEFINE_CLEANUP(struct relay *, relay_free)

/*
 * Moves bytes both ways, as they come, until one side has ended. `far` is in the
 * transmission phase; its deadline does not count any more. near and far->fd are
 * non-blocking. When the near side ends (after NBD_CMD_DISC), what it has sent still goes
 * out, and TLS is ended by close_notify. 0: it ended so; -ECONNRESET: the far side ended;
 * -EPROTO: TLS failed.
 */
int relay_run(struct relay *relay, int near, struct stream *far);
