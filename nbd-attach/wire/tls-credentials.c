/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/x509.h>
#include <string.h>

#include "common/wipe.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

void tls_credentials_free(struct tls_credentials *c)
{
	if (!c)
		return;
	if (c->x509)
		gnutls_certificate_free_credentials(c->x509);
	if (c->psk)
		gnutls_psk_free_client_credentials(c->psk);
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	if (c->anon)
		gnutls_anon_free_client_credentials(c->anon);
	free(c);
	wipe_freed(); /* GnuTLS wipes neither a pre-shared key nor all of a private one */
}

static gnutls_datum_t datum(const struct blob *blob)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)blob->data, .size = (unsigned)blob->size};
}

static int failed(const char *what, const char *path, int r, struct error *err)
{
	return error_set(err, FAULT_USAGE, -EINVAL, "cannot use %s %s: %s", what, path,
		gnutls_strerror(r));
}

/* The CAs to trust; unused without verification. */
static int add_trust(struct tls_credentials *tls, const struct target *t,
	const struct credentials *c, struct error *err)
{
	gnutls_datum_t ca = datum(&c->ca);
	int r;

	if (t->tls_ca) {
		r = gnutls_certificate_set_x509_trust_mem(
			tls->x509, &ca, GNUTLS_X509_FMT_PEM);
		if (r == 0)
			return error_set(err, FAULT_USAGE, -EINVAL,
				"CA file %s contains no certificate", t->tls_ca);
		return r < 0 ? failed("CA file", t->tls_ca, r, err) : 0;
	}
	if (!t->tls_verify_peer)
		return 0;
	/* With an empty store every certificate is rejected; tls_reject() says so.
	 */
	tls->trusts_nobody = gnutls_certificate_set_x509_system_trust(tls->x509) <= 0;
	return 0;
}

/* A key that is too short can be broken, and the server would admit an attacker. */
static int check_own(
	const struct tls_credentials *tls, const struct target *t, struct error *err)
{
	gnutls_x509_crt_t *own = NULL;
	unsigned n = 0, bits = 0, least;
	gnutls_pk_algorithm_t kind;
	int r = gnutls_certificate_get_x509_crt(tls->x509, 0, &own, &n);

	if (r < 0)
		return failed("client certificate", t->tls_cert, r, err);
	kind = (gnutls_pk_algorithm_t)gnutls_x509_crt_get_pk_algorithm(own[0], &bits);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(own[i]);
	gnutls_free(own);
	least = gnutls_sec_param_to_pk_bits(kind, TLS_LEVEL);
	return bits < least
		? error_set(err, FAULT_USAGE, -EINVAL,
			  "client certificate %s has a key of %u bits (%s): at least "
			  "%u are required",
			  t->tls_cert, bits, gnutls_pk_get_name(kind), least)
		: 0;
}

static int new_x509(struct tls_credentials *tls, const struct target *t,
	const struct credentials *c, struct error *err)
{
	gnutls_datum_t cert = datum(&c->cert), key = datum(&c->key);
	int r;

	if (gnutls_certificate_allocate_credentials(&tls->x509) < 0)
		return error_memory(err);
	r = add_trust(tls, t, c, err);
	if (r < 0 || !t->tls_cert)
		return r;
	r = gnutls_certificate_set_x509_key_mem(
		tls->x509, &cert, &key, GNUTLS_X509_FMT_PEM);
	return r < 0 ? failed("client certificate", t->tls_cert, r, err)
		     : check_own(tls, t, err);
}

static int new_psk(struct tls_credentials *tls, const struct target *t,
	const struct credentials *c, struct error *err)
{
	gnutls_datum_t key = datum(&c->psk_key);
	int r;

	if (gnutls_psk_allocate_client_credentials(&tls->psk) < 0)
		return error_memory(err);
	r = gnutls_psk_set_client_credentials(
		tls->psk, c->psk_username, &key, GNUTLS_PSK_KEY_HEX);
	return r < 0 ? failed("PSK file", t->tls_psk_file, r, err) : 0;
}

int tls_credentials_new(const struct target *t, const struct credentials *c,
	struct tls_credentials **ret, struct error *err)
{
	_cleanup_(tls_credentials_freep) struct tls_credentials *tls = NULL;
	int r;

	tls = calloc(1, sizeof(*tls));
	if (!tls)
		return error_memory(err);
	r = tls_priority_new(t, &tls->priority, err);
	if (r < 0)
		return r;
	switch (t->tls_auth) {
	case TLS_AUTH_X509: r = new_x509(tls, t, c, err); break;
	case TLS_AUTH_PSK: r = new_psk(tls, t, c, err); break;
	case TLS_AUTH_ANON:
		if (gnutls_anon_allocate_client_credentials(&tls->anon) < 0)
			r = error_memory(err);
		break;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(tls);
	return 0;
}
