/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the tls files; GnuTLS types appear only here and there. */
#pragma once

#include <gnutls/gnutls.h>

#include "wire/tls.h"

/*
 * The minimum strength of keys, groups and signatures: 112 bits, that is RSA and
 * Diffie-Hellman with 2048 bits, and SHA-256. The system's policy may demand more.
 */
#define TLS_LEVEL   GNUTLS_SEC_PARAM_MEDIUM
#define TLS_PROFILE GNUTLS_PROFILE_MEDIUM

struct tls_credentials {
	gnutls_certificate_credentials_t x509;
	gnutls_psk_client_credentials_t psk;
	gnutls_anon_client_credentials_t anon;
	gnutls_priority_t priority;
	bool trusts_nobody; /* the system's trust store is empty */
};

/* A record's header, and that of a message without content. */
#define HELLO_REQUEST_SIZE 9

struct tls_session {
	gnutls_session_t gnutls;
	const struct tls_credentials *credentials;
	char name[NBD_HOST_MAX + 1]; /* the server's, as certificates have it; or "" */
	gnutls_typed_vdata_st wanted[2]; /* of the certificate; GnuTLS keeps a pointer */
	bool ignore_not_before;
	unsigned record_size; /* the server's limit, as it was announced; 0: none */
	unsigned flaws;       /* of the certificate: enum gnutls_certificate_status_t */
	bool up;              /* the handshake is done: end with close_notify */
	bool heard;           /* data was received from the server inside TLS */
	bool answered; /* the server's first message is not a HelloRequest; its start: */
	unsigned char first[HELLO_REQUEST_SIZE];
	size_t first_size, first_taken;
};

/*
 * What to offer to the server: the target's priority string, or the default. The default
 * is what the system's crypto policy allows, limited to the ciphers that kernel TLS has,
 * if it allows any of them. TLS 1.3 is left out where the credentials cannot be used with
 * it. FAULT_USAGE: GnuTLS does not accept the target's string, or nothing is left.
 */
int tls_priority_new(const struct target *t, gnutls_priority_t *ret, struct error *err);

/*
 * Sets the name that the certificate must have: in lower case, without a trailing dot,
 * and an IPv6 address without brackets and zone.
 */
void tls_set_name(struct tls_session *tls, const struct target *t);

/* Puts it into the ClientHello, unless it is an address (RFC 6066). As GnuTLS. */
int tls_send_name(const struct tls_session *tls);

/* Makes the handshake verify the server's certificate as the target says. */
void tls_verify(struct tls_session *tls, const struct target *t);

/* Fills err with the reason and sends an alert. Returns -EKEYREJECTED, FAULT_TLS.
 */
int tls_reject(struct tls_session *tls, const struct target *t, struct error *err);

/* The largest plaintext of a record, RFC 8446 section 5.1. */
#define TLS_PAYLOAD_MAX (16U * 1024)

/* Has the handshake note the server's record size limit. */
void tls_watch_record_size(struct tls_session *tls);

/* The largest plaintext of a record that the server accepts, after the handshake. */
unsigned tls_record_payload(const struct tls_session *tls);

/* Fills err with the alert that was received, and what it means. -EPROTO, FAULT_TLS. */
int tls_alerted(const struct stream *s, struct error *err);
