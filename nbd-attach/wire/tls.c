/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/param.h>

#include "common/fd.h"
#include "common/log.h"
#include "wire/tls-internal.h"

/* The connection ended without a close_notify. */
static bool is_cut(ssize_t n)
{
	return n == GNUTLS_E_PREMATURE_TERMINATION || n == GNUTLS_E_PULL_ERROR ||
		n == GNUTLS_E_PUSH_ERROR;
}

/* A TLS 1.3 server rejects a client only after the client has finished its handshake. */
static int connection_cut(const struct stream *s, struct error *err)
{
	if (s->tls->up && !s->tls->heard)
		return error_set(err, FAULT_TLS, -ECONNABORTED,
			"the server closed the connection right after the TLS handshake: it may "
			"want a client certificate, or another one");
	if (s->tls->up)
		return error_set(err, FAULT_PROTOCOL, -ECONNABORTED,
			"the server cut the connection during %s: its log may say why",
			s->step);
	return error_set(err, FAULT_TLS, -ECONNABORTED,
		"the server cut the connection during the TLS handshake: it may want other "
		"credentials (certificate, key, user name), or another TLS version or cipher");
}

/* Translates a GnuTLS code; the two that mean "try again" become -EAGAIN. */
static ssize_t translate(struct stream *s, ssize_t n, struct error *err)
{
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
		s->events =
			gnutls_record_get_direction(s->tls->gnutls) ? POLLOUT : POLLIN;
		return -EAGAIN;
	}
	if (is_cut(n) && deadline_left(s->deadline) == 0)
		return stream_timed_out(s, err);
	if (is_cut(n))
		return connection_cut(s, err);
	if (n == GNUTLS_E_REHANDSHAKE)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the server asked for a TLS renegotiation, which is not supported");
	if (n == GNUTLS_E_FATAL_ALERT_RECEIVED || n == GNUTLS_E_WARNING_ALERT_RECEIVED)
		return tls_alerted(s, err);
	return error_set(err, FAULT_TLS, -EPROTO, "TLS failed during %s: %s", s->step,
		gnutls_strerror((int)n));
}

static ssize_t tls_read(struct stream *s, void *data, size_t size, struct error *err)
{
	ssize_t n = gnutls_record_recv(s->tls->gnutls, data, size);

	if (n == 0 && !s->tls->heard)
		return connection_cut(s, err);
	if (n > 0)
		s->tls->heard = true;
	return translate(s, n, err);
}

static ssize_t tls_write(
	struct stream *s, const void *data, size_t size, struct error *err)
{
	if (!s->tls->up) /* no TLS after a failed handshake */
		return -ENOTCONN;
	return translate(s, gnutls_record_send(s->tls->gnutls, data, size), err);
}

static const struct stream_ops tls_ops = {.read = tls_read, .write = tls_write};

static ssize_t push(gnutls_transport_ptr_t userdata, const void *data, size_t size)
{
	struct stream *s = userdata;
	ssize_t n = fd_sendto(s->fd, data, size, 0);

	if (n < 0)
		gnutls_transport_set_errno(s->tls->gnutls, errno);
	return n;
}

/* Whether these bytes are a HelloRequest in a record of its own, or the start of one. */
static bool may_be_hello_request(const unsigned char *bytes, size_t size)
{
	static const unsigned char wanted[HELLO_REQUEST_SIZE] = {22, 3, 0, 0, 4};

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != wanted[i] && i != 2) /* the version's second byte */
			return false;
	return true;
}

/*
 * A client ignores a HelloRequest during the handshake (RFC 5246, 7.4.1.1), but GnuTLS
 * (3.7) fails. It is discarded if it comes before the server's first message. Whoever
 * inserted it gains nothing: it is not part of the handshake's hash in any case. One
 * recv(2) for each call, so that the deadline is checked in between. False: errno.
 */
static bool receive_first(struct stream *s)
{
	struct tls_session *tls = s->tls;
	ssize_t n = fd_recvfrom(s->fd, tls->first + tls->first_size,
		sizeof(tls->first) - tls->first_size, 0);

	if (n < 0)
		return false;
	tls->first_size += (size_t)n;
	tls->answered = n == 0 || !may_be_hello_request(tls->first, tls->first_size);
	if (!tls->answered && tls->first_size == sizeof(tls->first))
		tls->first_size = 0;
	errno = EAGAIN;
	return tls->answered;
}

static ssize_t receive(struct stream *s, void *data, size_t size)
{
	struct tls_session *tls = s->tls;
	size_t n;

	if (!tls->answered && !receive_first(s))
		return -1;
	n = MIN(size, tls->first_size - tls->first_taken);
	if (n == 0)
		return fd_recvfrom(s->fd, data, size, 0);
	memcpy(data, tls->first + tls->first_taken, n);
	tls->first_taken += n;
	return (ssize_t)n;
}

/*
 * GnuTLS reads on while records arrive, even if they carry no data for us. So the
 * deadline is checked here too.
 */
static ssize_t pull(gnutls_transport_ptr_t userdata, void *data, size_t size)
{
	struct stream *s = userdata;
	ssize_t n = -1;

	if (deadline_left(s->deadline) == 0)
		errno = ETIMEDOUT;
	else
		n = receive(s, data, size);
	if (n < 0)
		gnutls_transport_set_errno(s->tls->gnutls, errno);
	return n;
}

static int set_credentials(gnutls_session_t session, const struct tls_credentials *c)
{
	if (c->psk)
		return gnutls_credentials_set(session, GNUTLS_CRD_PSK, c->psk);
	if (c->anon)
		return gnutls_credentials_set(session, GNUTLS_CRD_ANON, c->anon);
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, c->x509);
}

static int session_new(struct stream *s, const struct target *t,
	const struct tls_credentials *c, struct error *err)
{
	/* nbd over kernel TLS cannot read the record of a session ticket. */
	unsigned flags =
		GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL;
	gnutls_session_t session;
	int r;

	s->tls = calloc(1, sizeof(*s->tls));
	if (!s->tls || gnutls_init(&s->tls->gnutls, flags) < 0)
		return error_memory(err);
	s->tls->credentials = c;
	tls_set_name(s->tls, t);
	s->ops = &tls_ops;
	session = s->tls->gnutls;
	r = gnutls_priority_set(session, c->priority);
	if (r == GNUTLS_E_SUCCESS)
		r = set_credentials(session, c);
	if (r == GNUTLS_E_SUCCESS)
		r = tls_send_name(s->tls);
	if (r < 0)
		return error_set(err, FAULT_OTHER, -EINVAL, "cannot set up TLS: %s",
			gnutls_strerror(r));
	if (c->x509 && t->tls_verify_peer)
		tls_verify(s->tls, t);
	/* With our own functions GnuTLS does not enable kernel TLS itself, whatever its
	 * configuration says; a relay depends on that.
	 */
	gnutls_transport_set_ptr(session, s);
	gnutls_transport_set_push_function(session, push);
	gnutls_transport_set_pull_function(session, pull);
	tls_watch_record_size(s->tls);
	return 0;
}

/* -EAGAIN: the handshake has not failed, it has to wait. */
static int handshake_failed(
	struct stream *s, const struct target *t, int r, struct error *err)
{
	if (r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
		return tls_reject(s->tls, t, err);
	if (r == GNUTLS_E_UNEXPECTED_PACKET_LENGTH || r == GNUTLS_E_UNEXPECTED_PACKET ||
		r == GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the server answered the TLS handshake with something else (%s): it may want "
			"other credentials, have no TLS, or something in between interferes",
			gnutls_strerror(r));
	if (r == GNUTLS_E_INSUFFICIENT_CREDENTIALS)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the server wants to authenticate in another way: with certificates rather than "
			"a pre-shared key (--tls-psk-file), or the reverse");
	return (int)translate(s, r, err);
}

static int run_handshake(struct stream *s, const struct target *t, struct error *err)
{
	for (;;) {
		int r = gnutls_handshake(s->tls->gnutls);

		if (deadline_left(s->deadline) == 0)
			return stream_timed_out(s, err);
		if (r == GNUTLS_E_SUCCESS)
			return 0;
		if (r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_WARNING_ALERT_RECEIVED)
			continue;
		r = handshake_failed(s, t, r, err);
		if (r == -EAGAIN)
			r = stream_wait(s, err);
		if (r < 0)
			return r;
	}
}

/* Checks what was negotiated, whatever the priority string allows. */
static int check_agreed(const struct stream *s, struct error *err)
{
	const struct tls_credentials *c = s->tls->credentials;
	gnutls_session_t session = s->tls->gnutls;
	gnutls_credentials_type_t used = gnutls_auth_server_get_type(session);
	gnutls_credentials_type_t wanted = c->psk ? GNUTLS_CRD_PSK
		: c->anon                         ? GNUTLS_CRD_ANON
						  : GNUTLS_CRD_CERTIFICATE;
	gnutls_protocol_t version = gnutls_protocol_get_version(session);
	int group = gnutls_dh_get_prime_bits(session); /* 0 or negative: none */
	int least = (int)gnutls_sec_param_to_pk_bits(GNUTLS_PK_DH, TLS_LEVEL);

	if (version != GNUTLS_TLS1_2 && version != GNUTLS_TLS1_3)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the server agreed on %s only: TLS 1.2 or later is required",
			gnutls_protocol_get_name(version));
	if (used != wanted)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the server was not authenticated in the way that was asked for");
	if (group > 0 && group < least)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the server chose a Diffie-Hellman group of %d bits: at least %d are required",
			group, least);
	return 0;
}

int tls_handshake(struct stream *s, const struct target *t,
	const struct tls_credentials *credentials, struct error *err)
{
	int r;

	s->step = "the TLS handshake";
	r = session_new(s, t, credentials, err);
	if (r < 0)
		return r;
	r = run_handshake(s, t, err);
	if (r < 0)
		return r;
	r = check_agreed(s, err);
	if (r < 0)
		return r;
	s->tls->up = true;
	log_debug("TLS is up: %s, %s", tls_version_name(s), tls_cipher_name(s));
	return 0;
}

void tls_forget_credentials(struct stream *s)
{
	if (!s->tls)
		return;
	gnutls_credentials_clear(s->tls->gnutls);
	s->tls->credentials = NULL;
}

const char *tls_version_name(const struct stream *s)
{
	return gnutls_protocol_get_name(gnutls_protocol_get_version(s->tls->gnutls));
}

const char *tls_cipher_name(const struct stream *s)
{
	return gnutls_cipher_get_name(gnutls_cipher_get(s->tls->gnutls));
}

const char *tls_alert_name(int alert)
{
	return gnutls_alert_get_name((gnutls_alert_description_t)alert);
}

void tls_abandon(struct stream *s)
{
	if (!s->tls)
		return;
	if (s->tls->gnutls)
		gnutls_deinit(s->tls->gnutls);
	free(s->tls);
	s->tls = NULL;
}

void tls_close(struct stream *s)
{
	/* We do not wait for the server's close_notify. */
	if (s->tls && s->tls->up)
		gnutls_bye(s->tls->gnutls, GNUTLS_SHUT_WR);
	tls_abandon(s);
}
