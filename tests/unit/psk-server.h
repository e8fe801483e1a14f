/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS server's side of a pre-shared key, and the client's words for it. */
#pragma once

#include <gnutls/gnutls.h>

extern char psk_user[], psk_file[], psk_hex[];

/* For gnutls_psk_set_server_credentials_function(): any user has that key. */
int psk_find_key(gnutls_session_t session, const char *user, gnutls_datum_t *ret);

/* A server's session on that socket, with a priority string for GnuTLS. */
gnutls_session_t psk_new_server(
	gnutls_psk_server_credentials_t credentials, const char *priority, int fd);

/* A thread: the handshake of the session that is its argument. */
void *psk_handshake(void *session);
