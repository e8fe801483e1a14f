/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/scope.h"
#include "psk-server.h"

char psk_user[] = "alice", psk_file[] = "keys.psk", psk_hex[] = "00112233445566778899";

int psk_find_key(
	_unused_ gnutls_session_t session, _unused_ const char *user, gnutls_datum_t *ret)
{
	static const unsigned char bytes[] = {
		0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};

	ret->data = gnutls_malloc(sizeof(bytes));
	ret->size = sizeof(bytes);
	memcpy(ret->data, bytes, sizeof(bytes));
	return 0;
}

gnutls_session_t psk_new_server(
	gnutls_psk_server_credentials_t credentials, const char *priority, int fd)
{
	gnutls_session_t session;

	gnutls_psk_set_server_credentials_function(credentials, psk_find_key);
	assert_int_equal(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(session, priority, NULL), 0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials), 0);
	gnutls_transport_set_int(session, fd);
	return session;
}

void *psk_handshake(void *session)
{
	int r;

	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return NULL;
}
