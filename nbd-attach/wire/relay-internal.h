/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by relay.c and relay-tls.c. */
#pragma once

#include "wire/relay-buffer.h"
#include "wire/relay.h"

struct relay {
	struct relay_buffer up, up_wire; /* from the kernel; what goes to the server */
	struct relay_buffer down_wire,
		down; /* from the server; what goes to the kernel */
	struct stream *far;
	bool deaf; /* the far side takes no more; what it has sent is still read */
	int alert; /* of the server, which ended TLS; -ENODATA: none */
	char *memory;
};

/* Makes GnuTLS use the buffers instead of the socket. */
void relay_tls_begin(struct relay *relay);

/*
 * Moves data from up to up_wire as records, and from down_wire to down, as far as there
 * is room. Returns the bytes of data; 0: nothing; -EPROTO: TLS failed. After close_notify
 * or another alert that ends the session, `over` of down is set, and the alert.
 */
ssize_t relay_tls_send(struct relay *relay);
ssize_t relay_tls_receive(struct relay *relay);

/* Puts close_notify into up_wire. */
void relay_tls_end(struct relay *relay);
