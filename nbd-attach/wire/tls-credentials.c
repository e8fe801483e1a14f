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

int tls_check_library(struct error *err)
{
	/* it was initialized when it was loaded; this is what came of it */
	int r = gnutls_global_init();

	return r < 0 ? error_set(err, FAULT_OTHER, -EIO, "GnuTLS cannot be used: %s",
			       gnutls_strerror(r))
		     : 0;
}

static gnutls_datum_t datum(const struct blob *blob)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)blob->data, .size = (unsigned)blob->size};
}

/* GnuTLS's reason r is added, unless there is none or it repeats `how`. */
static int bad_file(
	const char *what, const char *path, const char *how, int r, struct error *err)
{
	bool more = r < 0 && r != GNUTLS_E_NO_CERTIFICATE_FOUND &&
		r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;

	return error_set(err, FAULT_USAGE, -EINVAL, "%s %s %s%s%s", what, path, how,
		more ? ": " : "", more ? gnutls_strerror(r) : "");
}

static int no_certificate(const char *what, const char *path, const struct blob *file,
	int r, struct error *err)
{
	if (file->size == 0)
		return bad_file(what, path, "is empty", 0, err);
	if (file->data[0] == 0x30) /* a sequence */
		return bad_file(what, path,
			"is in DER format: \"openssl x509 -inform DER -in OLD -out NEW\" makes "
			"PEM of it",
			0, err);
	return bad_file(what, path, "has no certificate in PEM format", r, err);
}

static int distrust(
	struct tls_credentials *tls, const gnutls_datum_t *pem, struct error *err)
{
	gnutls_x509_trust_list_t list = NULL;
	int r;

	gnutls_certificate_get_trust_list(tls->x509, &list);
	r = gnutls_x509_trust_list_remove_trust_mem(list, pem, GNUTLS_X509_FMT_PEM);
	return r < 0 ? error_set(err, FAULT_OTHER, -EINVAL,
			       "cannot use what the system's trust store distrusts: %s",
			       gnutls_strerror(r))
		     : 0;
}

/* The CAs to trust; unused without verification. */
static int add_trust(struct tls_credentials *tls, const struct target *t,
	const struct credentials *c, struct error *err)
{
	gnutls_datum_t ca = datum(&c->ca), distrusted = datum(&c->distrusted);
	int r;

	if (t->tls_ca) {
		r = gnutls_certificate_set_x509_trust_mem(
			tls->x509, &ca, GNUTLS_X509_FMT_PEM);
		return r <= 0 ? no_certificate("CA file", t->tls_ca, &c->ca, r, err) : 0;
	}
	if (!t->tls_verify_peer)
		return 0;
	/* With an empty store every certificate is rejected; tls_reject() says so. */
	tls->trusts_nobody = ca.size == 0 ||
		gnutls_certificate_set_x509_trust_mem(
			tls->x509, &ca, GNUTLS_X509_FMT_PEM) <= 0;
	return distrusted.size == 0 ? 0 : distrust(tls, &distrusted, err);
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
		return bad_file(
			"client certificate", t->tls_cert, "cannot be used", r, err);
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

/* Whether it is encrypted: PKCS #8, or the format that OpenSSL had before. */
static bool has_passphrase(const struct blob *key)
{
	return strstr(key->data, "-----BEGIN ENCRYPTED PRIVATE KEY") ||
		strstr(key->data, "Proc-Type: 4,ENCRYPTED");
}

/* GnuTLS was given both files at once: which of them is it? */
static int reject_own(
	const struct target *t, const struct credentials *c, int fault, struct error *err)
{
	const gnutls_datum_t cert = datum(&c->cert), key = datum(&c->key);
	gnutls_x509_crt_t *list = NULL;
	gnutls_x509_privkey_t private = NULL;
	unsigned n = 0;
	int r;

	if (fault == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"key file %s is not the key of client certificate %s (the first in that file "
			"counts)",
			t->tls_key, t->tls_cert);
	r = gnutls_x509_crt_list_import2(&list, &n, &cert, GNUTLS_X509_FMT_PEM, 0);
	for (unsigned i = 0; r >= 0 && i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	if (r < 0)
		return no_certificate(
			"client certificate", t->tls_cert, &c->cert, r, err);
	if (has_passphrase(&c->key))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"key file %s has a passphrase, which nobody can enter at a reconnect: "
			"\"openssl pkey -in OLD -out NEW\" removes it",
			t->tls_key);
	if (c->key.size == 0)
		return bad_file("key file", t->tls_key, "is empty", 0, err);
	r = gnutls_x509_privkey_init(&private);
	if (r == 0)
		r = gnutls_x509_privkey_import2(
			private, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_x509_privkey_deinit(private);
	if (r < 0)
		return bad_file("key file", t->tls_key,
			"has no private key in PEM format", r, err);
	return error_set(err, FAULT_USAGE, -EINVAL,
		"client certificate %s cannot be used with key file %s: %s", t->tls_cert,
		t->tls_key, gnutls_strerror(fault));
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
	return r < 0 ? reject_own(t, c, r, err) : check_own(tls, t, err);
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
	return r < 0 ? bad_file("PSK file", t->tls_psk_file, "cannot be used", r, err)
		     : 0;
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
