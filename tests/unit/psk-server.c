/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

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

void *psk_handshake(void *session)
{
	int r;

	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return NULL;
}
