/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "wire/tls-internal.h"

/*
 * Best first. A GnuTLS server rekeys TLS 1.3 AES-GCM after 2^24 records, which ends a
 * link of nbd over kernel TLS; it never rekeys CHACHA20 (lib/record.c), so CHACHA20 comes
 * first.
 */
static const gnutls_cipher_algorithm_t ciphers[] = {
	GNUTLS_CIPHER_CHACHA20_POLY1305,
	GNUTLS_CIPHER_AES_128_GCM,
	GNUTLS_CIPHER_AES_256_GCM,
	GNUTLS_CIPHER_AES_128_CCM,
};

static const gnutls_protocol_t versions[] = {GNUTLS_TLS1_3, GNUTLS_TLS1_2};

static bool contains(const unsigned *list, int n, unsigned wanted)
{
	for (int i = 0; i < n; i++)
		if (list[i] == wanted)
			return true;
	return false;
}

/* Our own keyword, else the system's, else GnuTLS's default. */
static int init_policy(gnutls_priority_t *ret, const char **ret_base)
{
	static const char *const bases[] = {"@NBD-ATTACH,SYSTEM", "NORMAL"};
	int r = GNUTLS_E_INVALID_REQUEST;

	for (size_t i = 0; i < ELEMENTSOF(bases); i++) {
		r = gnutls_priority_init(ret, bases[i], NULL);
		if (r == GNUTLS_E_SUCCESS) {
			*ret_base = bases[i];
			break;
		}
	}
	return r;
}

static const char *key_exchanges(enum tls_auth auth)
{
	switch (auth) {
	case TLS_AUTH_PSK: return ":-KX-ALL:+ECDHE-PSK:+DHE-PSK";
	case TLS_AUTH_ANON: return ":-VERS-TLS1.3:-KX-ALL:+ANON-ECDH:+ANON-DH";
	case TLS_AUTH_X509: break;
	}
	return "";
}

/*
 * Limits the policy to the versions and ciphers that we accept, and adds none, so that
 * what an administrator has forbidden stays forbidden.
 */
static int build_default(enum tls_auth auth, char *out, size_t size)
{
	gnutls_priority_t policy = NULL;
	const unsigned *list = NULL;
	const char *base = NULL;
	FILE *text;
	int n, r;

	r = init_policy(&policy, &base);
	if (r != GNUTLS_E_SUCCESS)
		return r;
	text = fmemopen(out, size, "w");
	if (!text) {
		gnutls_priority_deinit(policy);
		return GNUTLS_E_MEMORY_ERROR;
	}
	fprintf(text, "%s:-VERS-ALL", base);
	n = gnutls_priority_protocol_list(policy, &list);
	for (size_t i = 0; i < ELEMENTSOF(versions); i++)
		if (contains(list, n, versions[i]))
			fprintf(text, ":+VERS-%s", gnutls_protocol_get_name(versions[i]));
	fputs(":-CIPHER-ALL", text);
	n = gnutls_priority_cipher_list(policy, &list);
	for (size_t i = 0; i < ELEMENTSOF(ciphers); i++)
		if (contains(list, n, ciphers[i]))
			fprintf(text, ":+%s", gnutls_cipher_get_name(ciphers[i]));
	fputs(key_exchanges(auth), text);
	fclose(text);
	gnutls_priority_deinit(policy);
	return GNUTLS_E_SUCCESS;
}

int tls_priority_new(const struct target *t, gnutls_priority_t *ret, struct error *err)
{
	const char *where = NULL, *priority = t->tls_priority;
	char built[512];
	int r;

	if (!priority) {
		r = build_default(t->tls_auth, built, sizeof(built));
		if (r != GNUTLS_E_SUCCESS)
			return error_set(err, FAULT_OTHER, -EINVAL,
				"GnuTLS has no usable default priority: %s",
				gnutls_strerror(r));
		priority = built;
	}
	r = gnutls_priority_init(ret, priority, &where);
	if (r != GNUTLS_E_SUCCESS && t->tls_priority)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"GnuTLS rejects the priority string \"%s\", from \"%s\" on",
			t->tls_priority, where ? where : priority);
	if (r != GNUTLS_E_SUCCESS)
		return error_set(err, FAULT_TLS, -EINVAL,
			"the system's crypto policy leaves no usable TLS (%s)",
			gnutls_strerror(r));
	log_debug("TLS priorities: %s", priority);
	return 0;
}
