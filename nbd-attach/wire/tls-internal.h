/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tls files share. GnuTLS types appear here and in them only. */
#pragma once

#include <gnutls/gnutls.h>

#include "wire/tls.h"

struct tls_credentials {
	gnutls_certificate_credentials_t x509;
	gnutls_psk_client_credentials_t psk;
	gnutls_anon_client_credentials_t anon;
};

struct tls_session {
	gnutls_session_t gnutls;
	bool up; /* the handshake is over: close_notify is due */
};

/*
 * Sets the session's priorities: the target's own string, or the default. The default
 * takes what the system's crypto policy allows, and of that the ciphers that the kernel
 * can carry. FAULT_USAGE.
 */
int tls_set_priority(gnutls_session_t session, const struct target *t, struct error *err);
