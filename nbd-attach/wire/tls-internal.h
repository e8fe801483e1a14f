/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tls files share. GnuTLS types appear here and in them only. */
#pragma once

#include <gnutls/gnutls.h>

#include "wire/tls.h"

/*
 * What keys, groups and signatures must be worth: 112 bits, that is RSA and
 * Diffie-Hellman with 2048 bits, SHA-256. The system's policy may ask for more.
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

struct tls_session {
	gnutls_session_t gnutls;
	const struct tls_credentials *credentials;
	gnutls_typed_vdata_st wanted[2]; /* of the certificate; GnuTLS keeps a pointer */
	bool ignore_not_before;
	unsigned flaws; /* the certificate's, as the handshake found it */
	bool up;        /* the handshake is over: close_notify is due */
	bool heard;     /* the server has said something inside TLS */
};

/*
 * What is offered to the server: the target's own priority string, or the default. The
 * default takes what the system's crypto policy allows, and of that the ciphers that the
 * kernel can carry. FAULT_USAGE: GnuTLS does not take the target's string.
 */
int tls_priority_new(const struct target *t, gnutls_priority_t *ret, struct error *err);

/* Has the handshake verify the server's certificate as the target says. */
void tls_verify(struct tls_session *tls, const struct target *t);

/* Says why it was not accepted, to the user and to the server. -EKEYREJECTED, FAULT_TLS.
 */
int tls_reject(struct tls_session *tls, const struct target *t, struct error *err);
