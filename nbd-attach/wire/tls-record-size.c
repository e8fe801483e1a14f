/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's record size limit (RFC 8449). GnuTLS offers the extension and obeys the
 * answer, but does not tell it: gnutls_record_get_max_size() is about records that the
 * server sends. So it is read from the handshake message that carries it.
 */
#include <string.h>

#include "wire/tls-internal.h"

#define RECORD_SIZE_LIMIT 28 /* the extension's number */

/* Before the extensions of a ServerHello (RFC 5246 section 7.4.1.3). */
#define VERSION_AND_RANDOM ((unsigned)2 + 32)
#define CIPHER_AND_METHOD  ((unsigned)2 + 1)

static int take_extension(
	void *userdata, unsigned number, const unsigned char *data, unsigned size)
{
	struct tls_session *tls = userdata;

	if (number == RECORD_SIZE_LIMIT && size == 2)
		tls->record_size = (unsigned)data[0] << 8 | data[1];
	return 0;
}

/* The extensions of a ServerHello. Empty: there are none. */
static gnutls_datum_t extensions_of(const gnutls_datum_t *hello)
{
	gnutls_datum_t none = {0};
	unsigned skipped = VERSION_AND_RANDOM;

	if (hello->size <= skipped)
		return none;
	skipped += 1 + hello->data[skipped] + CIPHER_AND_METHOD; /* the session's ID */
	if (hello->size <= skipped)
		return none;
	return (gnutls_datum_t){hello->data + skipped, hello->size - skipped};
}

/* A message that GnuTLS does not accept ends the handshake in any case. */
static int read_message(gnutls_session_t session, unsigned type, _unused_ unsigned when,
	unsigned incoming, const gnutls_datum_t *message)
{
	const struct stream *s = gnutls_transport_get_ptr(session);
	gnutls_datum_t extensions = {0};

	if (incoming && type == GNUTLS_HANDSHAKE_SERVER_HELLO)
		extensions = extensions_of(message);
	else if (incoming && type == GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS)
		extensions = *message;
	if (extensions.size > 0)
		(void)gnutls_ext_raw_parse(s->tls, take_extension, &extensions, 0);
	return 0;
}

void tls_watch_record_size(struct tls_session *tls)
{
	gnutls_handshake_set_hook_function(
		tls->gnutls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_POST, read_message);
}

/* In TLS 1.3 the limit includes the type of the content. */
unsigned tls_record_payload(const struct tls_session *tls)
{
	bool typed = gnutls_protocol_get_version(tls->gnutls) == GNUTLS_TLS1_3;

	if (tls->record_size == 0 || tls->record_size - typed > TLS_PAYLOAD_MAX)
		return TLS_PAYLOAD_MAX;
	return tls->record_size - typed;
}
