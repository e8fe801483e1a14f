/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What relay.c and relay-tls.c share. */
#pragma once

#include "wire/relay-buffer.h"
#include "wire/relay.h"

struct relay {
	struct relay_buffer up, up_wire; /* from the kernel; what goes to the server */
	struct relay_buffer down_wire,
		down; /* from the server; what goes to the kernel */
	struct stream *far;
	char *memory;
};

/* From here on GnuTLS reads and writes in the buffers, not in the socket. */
void relay_tls_begin(struct relay *relay);

/*
 * Moves records from up to up_wire, and from down_wire to down, as far as there is room.
 * Bytes of data; 0: nothing; -EPROTO: TLS is broken. At TLS's end down is over.
 */
ssize_t relay_tls_send(struct relay *relay);
ssize_t relay_tls_receive(struct relay *relay);

/* close_notify into up_wire. */
void relay_tls_end(struct relay *relay);
