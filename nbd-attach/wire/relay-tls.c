/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS between two buffers, so that one system call moves many records. GnuTLS handles
 * here what kernel TLS cannot do under nbd: KeyUpdate and session tickets.
 */
#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "wire/relay-internal.h"
#include "wire/tls-internal.h"

#define RECORD_DATA ((size_t)TLS_PAYLOAD_MAX)
#define RECORD_ROOM (RECORD_DATA + 512) /* with header, padding and tag */

/* Space for GnuTLS's own messages (KeyUpdate, alerts) beside the records. */
#define SPARE_ROOM ((size_t)4 * 1024)

static ssize_t push(gnutls_transport_ptr_t userdata, const void *data, size_t size)
{
	struct relay *relay = userdata;
	struct relay_buffer *out = &relay->up_wire;

	size = MIN(size, relay_buffer_room(out));
	if (size == 0) {
		gnutls_transport_set_errno(relay->far->tls->gnutls, EAGAIN);
		return -1;
	}
	memcpy(out->data + out->end, data, size);
	out->end += size;
	return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t userdata, void *data, size_t size)
{
	struct relay *relay = userdata;
	struct relay_buffer *in = &relay->down_wire;

	size = MIN(size, relay_buffer_used(in));
	if (size == 0 && !in->over) {
		gnutls_transport_set_errno(relay->far->tls->gnutls, EAGAIN);
		return -1;
	}
	memcpy(data, in->data + in->start, size);
	relay_buffer_consume(in, size);
	return (ssize_t)size;
}

void relay_tls_begin(struct relay *relay)
{
	gnutls_session_t session = relay->far->tls->gnutls;

	gnutls_transport_set_ptr(session, relay);
	gnutls_transport_set_push_function(session, push);
	gnutls_transport_set_pull_function(session, pull);
}

static bool is_passing(ssize_t n)
{
	return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ||
		n == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

ssize_t relay_tls_send(struct relay *relay)
{
	struct relay_buffer *from = &relay->up;
	ssize_t moved = 0;

	while (relay_buffer_used(from) > 0 &&
		relay_buffer_room(&relay->up_wire) >= RECORD_ROOM + SPARE_ROOM) {
		ssize_t n = gnutls_record_send(relay->far->tls->gnutls,
			from->data + from->start,
			MIN(relay_buffer_used(from), RECORD_DATA));

		if (is_passing(n))
			break;
		if (n < 0)
			return -EPROTO;
		relay_buffer_consume(from, (size_t)n);
		moved += n;
	}
	return moved;
}

/* TLS 1.2 only. A server that insists will end the session. */
static void refuse_renegotiation(struct relay *relay)
{
	gnutls_alert_send(
		relay->far->tls->gnutls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
}

/* Whether the server has ended the session, with or without a reason. */
static bool is_end(struct relay *relay, ssize_t n)
{
	if (n == 0)
		relay->alert = GNUTLS_A_CLOSE_NOTIFY;
	if (n == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		relay->alert = (int)gnutls_alert_get(relay->far->tls->gnutls);
		relay->deaf = true;
	}
	return n == 0 || n == GNUTLS_E_FATAL_ALERT_RECEIVED ||
		n == GNUTLS_E_PREMATURE_TERMINATION;
}

ssize_t relay_tls_receive(struct relay *relay)
{
	struct relay_buffer *to = &relay->down;
	ssize_t moved = 0;

	/*
	 * GnuTLS may have to send a reply, which needs space in up_wire. It also returns
	 * "again" after its own messages, although there is more to read.
	 */
	while (!to->over && relay_buffer_room(to) >= RECORD_DATA &&
		relay_buffer_room(&relay->up_wire) >= SPARE_ROOM) {
		size_t held = relay_buffer_used(&relay->down_wire);
		ssize_t n = gnutls_record_recv(relay->far->tls->gnutls,
			to->data + to->end, relay_buffer_room(to));

		if (n == GNUTLS_E_REHANDSHAKE)
			refuse_renegotiation(relay);
		else if (n == GNUTLS_E_WARNING_ALERT_RECEIVED ||
			(is_passing(n) && relay_buffer_used(&relay->down_wire) < held))
			continue;
		else if (is_passing(n))
			break;
		else if (is_end(relay, n))
			to->over = true;
		else if (n < 0)
			return -EPROTO;
		else {
			to->end += (size_t)n;
			moved += n;
		}
	}
	return moved;
}

void relay_tls_end(struct relay *relay)
{
	gnutls_bye(relay->far->tls->gnutls, GNUTLS_SHUT_WR);
}
