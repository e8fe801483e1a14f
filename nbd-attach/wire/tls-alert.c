/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server's alert means for a user: TLS gives no other reason. */
#include <errno.h>
#include <stdio.h>

#include "wire/tls-internal.h"

static const struct {
	gnutls_alert_description_t alert;
	const char *hint;
} hints[] = {
	{GNUTLS_A_HANDSHAKE_FAILURE,
		"it may want other credentials (certificate, key, user name), or another TLS "
		"version or cipher"},
	{GNUTLS_A_INSUFFICIENT_SECURITY, "it wants stronger ciphers than those offered"},
	{GNUTLS_A_PROTOCOL_VERSION,
		"it supports neither TLS 1.2 nor 1.3, or not with these "
		"credentials"},
	{GNUTLS_A_BAD_CERTIFICATE, "it does not accept the client certificate"},
	{GNUTLS_A_UNSUPPORTED_CERTIFICATE, "it does not accept the client certificate"},
	{GNUTLS_A_CERTIFICATE_UNKNOWN, "it does not accept the client certificate"},
	{GNUTLS_A_CERTIFICATE_REVOKED, "the client certificate was revoked"},
	{GNUTLS_A_CERTIFICATE_EXPIRED,
		"the client certificate has expired, or the server's clock is wrong"},
	{GNUTLS_A_UNKNOWN_CA,
		"it does not trust the CA of the client certificate: see its own CA file"},
	{GNUTLS_A_ACCESS_DENIED, "the client certificate is valid, but has no access"},
	{GNUTLS_A_CERTIFICATE_REQUIRED,
		"it wants a client certificate: give --tls-cert and --tls-key"},
	{GNUTLS_A_UNKNOWN_PSK_IDENTITY,
		"it does not know the user name of the pre-shared key: see --tls-username"},
	{GNUTLS_A_UNRECOGNIZED_NAME,
		"it has no certificate for this name: see --tls-hostname"},
	{GNUTLS_A_DECRYPT_ERROR,
		"the pre-shared key or the key of the client certificate is not the right one"},
	{GNUTLS_A_BAD_RECORD_MAC, "the pre-shared key may not be the right one"},
};

int tls_alerted(const struct stream *s, struct error *err)
{
	gnutls_alert_description_t alert = gnutls_alert_get(s->tls->gnutls);
	const char *name = gnutls_alert_get_name(alert), *hint = NULL;
	char number[32];

	/* after the handshake an alert is not about credentials */
	for (size_t i = 0; !s->tls->heard && i < ELEMENTSOF(hints); i++)
		if (hints[i].alert == alert)
			hint = hints[i].hint;
	snprintf(number, sizeof(number), "number %u", (unsigned)alert);
	return error_set(err, FAULT_TLS, -EPROTO,
		"the server ended TLS with the alert \"%s\" during %s%s%s",
		name ? name : number, s->step, hint ? ": " : "", hint ? hint : "");
}
