/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "certificates-world.h"
#include "new-certificate.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 240

static gnutls_x509_privkey_t pool[N_KINDS][N_KEYS];

/* Of the current row. */
static gnutls_x509_privkey_t keys[N_KEYS];

static void set_time(gnutls_x509_crt_t crt, enum when when)
{
	static const int begin[] = {[NOW] = -DAY, [NOT_YET] = DAY, [EXPIRED] = -9 * DAY};
	time_t from = time(NULL) + begin[when];

	set_validity(crt, from, from + 8 * DAY);
}

static gnutls_x509_crt_t certificate_of(const char *name, enum who who, enum when when)
{
	gnutls_x509_crt_t crt = new_certificate(name, keys[who]);

	assert_int_equal(gnutls_x509_crt_set_ca_status(crt, who != SERVER), 0);
	set_time(crt, when);
	return crt;
}

/* GnuTLS sorts a server's certificates, for which they must have been parsed. */
static void sign(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, enum who signed_by,
	gnutls_digest_algorithm_t digest)
{
	gnutls_datum_t der;

	assert_int_equal(
		gnutls_x509_crt_sign2(crt, issuer, keys[signed_by], digest, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER), 0);
	gnutls_free(der.data);
}

/* issuer NULL: signed by itself. */
static gnutls_x509_crt_t make_authority(
	const char *name, enum who who, enum when when, gnutls_x509_crt_t issuer)
{
	gnutls_x509_crt_t crt = certificate_of(name, who, when);

	assert_int_equal(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN), 0);
	sign(crt, issuer ? issuer : crt, CA, GNUTLS_DIG_SHA256);
	return crt;
}

static gnutls_x509_crt_t make_server(const struct row *row, gnutls_x509_crt_t issuer)
{
	const char *name = row->server_name ? row->server_name : NAME;
	const char *purpose = row->purpose ? row->purpose : GNUTLS_KP_TLS_WWW_SERVER;
	enum who signed_by = row->signed_by   ? row->signed_by
		: row->trusts == TRUST_SERVER ? SERVER
		: row->with_middle            ? MIDDLE
					      : CA;
	gnutls_x509_crt_t crt = certificate_of(name, SERVER, row->server);

	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
				 name, (unsigned)strlen(name), GNUTLS_FSAN_SET),
		0);
	assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0), 0);
	sign(crt, row->trusts == TRUST_SERVER ? crt : issuer, signed_by,
		row->digest ? row->digest : GNUTLS_DIG_SHA256);
	return crt;
}

gnutls_x509_privkey_t pki_key(enum who who)
{
	return keys[who];
}

void pki_make(const struct row *row, struct pki *p)
{
	gnutls_x509_crt_t issuer;

	for (size_t i = 0; i < N_KEYS; i++)
		keys[i] = pool[row->kind[i]][i];
	issuer = make_authority(row->ca_name ? row->ca_name : "CA", CA, row->ca, NULL);
	p->ca[TRUST_CA] = issuer;
	p->ca[TRUST_OTHER] = make_authority("other CA", CA, NOW, NULL);
	if (row->with_middle)
		issuer = p->chain[1] =
			make_authority("middle", MIDDLE, row->middle, issuer);
	p->chain[0] = make_server(row, issuer);
	p->n_chain = row->with_middle ? 2 : 1;
	assert_int_equal(
		gnutls_x509_crt_export2(
			row->trusts == TRUST_SERVER ? p->chain[0] : p->ca[row->trusts],
			GNUTLS_X509_FMT_PEM, &p->trusted),
		0);
	if (row->distrusts != DISTRUST_NOBODY)
		assert_int_equal(
			gnutls_x509_crt_export2(
				row->distrusts == DISTRUST_SERVER ? p->chain[0] : issuer,
				GNUTLS_X509_FMT_PEM, &p->distrusted),
			0);
}

void pki_free(struct pki *p)
{
	for (unsigned i = 0; i < p->n_chain; i++)
		gnutls_x509_crt_deinit(p->chain[i]);
	for (size_t i = 0; i < ELEMENTSOF(p->ca); i++)
		gnutls_x509_crt_deinit(p->ca[i]);
	gnutls_free(p->trusted.data);
	gnutls_free(p->distrusted.data);
}

/* ---- the server ---- */

static void *serve(void *userdata)
{
	gnutls_session_t session = userdata;
	int r;

	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return NULL;
}

/* own_group: none of the well-known ones. */
static gnutls_session_t new_server(
	gnutls_certificate_credentials_t credentials, int fd, bool own_group)
{
	const char *priority = own_group ? "NORMAL:-GROUP-DH-ALL" : "NORMAL";
	gnutls_session_t session;

	assert_int_equal(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(session, priority, NULL), 0);
	assert_int_equal(
		gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), 0);
	gnutls_transport_set_int(session, fd);
	return session;
}

/* ---- the client ---- */

static int shake_hands(
	const struct row *row, const struct pki *p, int fd, struct error *err)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_verify_peer = true,
		.tls_ignore_not_before = row->ignore,
		.tls_priority = (char *)row->priority,
		.host = (char *)NAME,
		.tls_ca = row->system ? NULL : (char *)"ca.pem"};
	const struct credentials c = {
		.ca = {.data = (char *)p->trusted.data, .size = p->trusted.size},
		.distrusted = {
			.data = (char *)p->distrusted.data, .size = p->distrusted.size}};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	struct stream stream;
	int r;

	assert_int_equal(tls_credentials_new(&t, &c, &credentials, err), 0);
	stream_init(&stream, fd, USEC_INFINITY);
	r = tls_handshake(&stream, &t, credentials, err);
	tls_close(&stream);
	return r;
}

int play_with_group(const struct row *row, gnutls_dh_params_t group, struct error *err)
{
	gnutls_certificate_credentials_t credentials;
	struct pki p = {0};
	gnutls_session_t server;
	pthread_t thread;
	int pair[2], r;

	pki_make(row, &p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
	assert_true(gnutls_certificate_set_x509_key(
			    credentials, p.chain, (int)p.n_chain, keys[SERVER]) >= 0);
	if (group)
		gnutls_certificate_set_dh_params(credentials, group);
	server = new_server(credentials, pair[1], group);
	assert_int_equal(pthread_create(&thread, NULL, serve, server), 0);
	r = shake_hands(row, &p, pair[0], err);
	close(pair[0]);
	pthread_join(thread, NULL);
	gnutls_deinit(server);
	close(pair[1]);
	gnutls_certificate_free_credentials(credentials);
	pki_free(&p);
	return r;
}

int play(const struct row *row, struct error *err)
{
	return play_with_group(row, NULL, err);
}

static bool holds(const struct row *row)
{
	struct error err = {0};
	int r = play(row, &err);

	if (!row->says ? r == 0
		       : r == -EKEYREJECTED && err.fault == FAULT_TLS &&
				strstr(err.text, row->says))
		return true;
	print_error("%s%s: %d, fault %d, \"%s\"\n", row->name,
		row->ignore ? " (ignored)" : "", r, (int)err.fault, err.text);
	return false;
}

void rows_hold(const struct row *rows, size_t n)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += !holds(&rows[i]);
	assert_int_equal(failed, 0);
}

static int make_key(enum kind kind, gnutls_x509_privkey_t *ret)
{
	static const unsigned bits[] = {
		[P256] = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
		[RSA_1024] = 1024,
		[RSA_2048] = 2048,
	};

	return gnutls_x509_privkey_init(ret) < 0 ||
			gnutls_x509_privkey_generate(*ret,
				kind == P256 ? GNUTLS_PK_ECDSA : GNUTLS_PK_RSA,
				bits[kind], 0) < 0
		? -1
		: 0;
}

int certificates_world_begin(_unused_ void **state)
{
	alarm(PATIENCE);
	for (size_t kind = 0; kind < N_KINDS; kind++)
		for (size_t i = 0; i < N_KEYS; i++)
			if (make_key((enum kind)kind, &pool[kind][i]) < 0)
				return -1;
	return 0;
}

int certificates_world_end(_unused_ void **state)
{
	for (size_t kind = 0; kind < N_KINDS; kind++)
		for (size_t i = 0; i < N_KEYS; i++)
			gnutls_x509_privkey_deinit(pool[kind][i]);
	return 0;
}
