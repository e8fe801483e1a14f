/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which server's certificates are accepted: handshakes with a server that has them. */
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

#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 60
#define NAME     "server.example"
#define DAY      (24 * 3600)

enum when { NOW, NOT_YET, EXPIRED };

/* Whose key something is signed with, or a certificate is for. */
enum who { CA, IMPOSTOR, MIDDLE, SERVER, N_KEYS };

/* What is in the client's trust store. */
enum trust { TRUST_CA, TRUST_OTHER, TRUST_SERVER };

/* What kind of key somebody has. */
enum kind { P256, RSA_1024, RSA_2048, N_KINDS };

/* What the client knows and the server shows. */
struct row {
	const char *name;
	const char *priority; /* NULL: the default */
	enum kind kind[N_KEYS];
	gnutls_digest_algorithm_t digest; /* of the lowest signature; 0: SHA-256 */
	bool ignore;                      /* --tls-ignore-not-before */
	enum when ca, middle, server;
	bool with_middle;   /* an authority between the two */
	enum who signed_by; /* where not by whom it says: IMPOSTOR */
	enum trust trusts;
	const char *server_name, *purpose, *ca_name; /* NULL: as they should be */
	const char *says;                            /* NULL: accepted */
};

static gnutls_x509_privkey_t pool[N_KINDS][N_KEYS];

/* Of the row that is being played. */
static gnutls_x509_privkey_t keys[N_KEYS];

static void set_time(gnutls_x509_crt_t crt, enum when when)
{
	static const int begin[] = {[NOW] = -DAY, [NOT_YET] = DAY, [EXPIRED] = -9 * DAY};
	time_t from = time(NULL) + begin[when];

	assert_int_equal(gnutls_x509_crt_set_activation_time(crt, from), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, from + 8 * DAY), 0);
}

static gnutls_x509_crt_t new_certificate(const char *name, enum who who, enum when when)
{
	static unsigned char serial;
	gnutls_x509_crt_t crt;

	serial++;
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, &serial, 1), 0);
	assert_int_equal(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME,
				 0, name, (unsigned)strlen(name)),
		0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, keys[who]), 0);
	assert_int_equal(gnutls_x509_crt_set_ca_status(crt, who != SERVER), 0);
	set_time(crt, when);
	return crt;
}

/* GnuTLS sorts what a server is given: for that it must have read it. */
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
	gnutls_x509_crt_t crt = new_certificate(name, who, when);

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
	gnutls_x509_crt_t crt = new_certificate(name, SERVER, row->server);

	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
				 name, (unsigned)strlen(name), GNUTLS_FSAN_SET),
		0);
	assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0), 0);
	sign(crt, row->trusts == TRUST_SERVER ? crt : issuer, signed_by,
		row->digest ? row->digest : GNUTLS_DIG_SHA256);
	return crt;
}

struct pki {
	gnutls_x509_crt_t ca[2], chain[2];
	unsigned n_chain;
	gnutls_datum_t trusted; /* PEM */
};

static void pki_make(const struct row *row, struct pki *p)
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
}

static void pki_free(struct pki *p)
{
	for (unsigned i = 0; i < p->n_chain; i++)
		gnutls_x509_crt_deinit(p->chain[i]);
	for (size_t i = 0; i < ELEMENTSOF(p->ca); i++)
		gnutls_x509_crt_deinit(p->ca[i]);
	gnutls_free(p->trusted.data);
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
		.tls_ca = (char *)"ca.pem"};
	const struct credentials c = {
		.ca = {.data = (char *)p->trusted.data, .size = p->trusted.size}};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	struct stream stream;
	int r;

	assert_int_equal(tls_credentials_new(&t, &c, &credentials, err), 0);
	stream_init(&stream, fd, USEC_INFINITY);
	r = tls_handshake(&stream, &t, credentials, err);
	tls_close(&stream);
	return r;
}

/* group: for Diffie-Hellman in TLS 1.2; or NULL. */
static int play_with_group(
	const struct row *row, gnutls_dh_params_t group, struct error *err)
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

static int play(const struct row *row, struct error *err)
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

static void rows_hold(const struct row *rows, size_t n)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += !holds(&rows[i]);
	assert_int_equal(failed, 0);
}

/* Without the option, nothing is forgiven. */
static void test_strict(_unused_ void **state)
{
	static const char early[] = "not yet valid", late[] = "expired";
	static const struct row rows[] = {
		{.name = "valid"},
		{.name = "valid chain", .with_middle = true},
		{.name = "not yet", .server = NOT_YET, .says = early},
		{.name = "authority not yet", .ca = NOT_YET, .says = early},
		{.name = "expired", .server = EXPIRED, .says = late},
		{.name = "expired middle",
			.with_middle = true,
			.middle = EXPIRED,
			.says = late},
		{.name = "expired authority", .ca = EXPIRED, .says = late},
		{.name = "expired in store",
			.trusts = TRUST_SERVER,
			.server = EXPIRED,
			.says = late},
		{.name = "wrong name", .server_name = "other.example", .says = "name"},
		{.name = "unknown authority",
			.trusts = TRUST_OTHER,
			.says = "issuer is unknown"},
		{.name = "forged", .signed_by = IMPOSTOR, .says = "signature"},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* With it, only that it is too early. */
static void test_early(_unused_ void **state)
{
	static const struct row rows[] = {
		{.name = "valid", .ignore = true},
		{.name = "not yet", .ignore = true, .server = NOT_YET},
		{.name = "nothing yet",
			.ignore = true,
			.with_middle = true,
			.ca = NOT_YET,
			.middle = NOT_YET,
			.server = NOT_YET},
		{.name = "not yet, in store",
			.ignore = true,
			.trusts = TRUST_SERVER,
			.server = NOT_YET},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* What else is wrong is seen, also where GnuTLS alone would stop at the time. */
static void test_early_and_wrong(_unused_ void **state)
{
	static const struct row rows[] = {
		{.name = "wrong name",
			.ignore = true,
			.server = NOT_YET,
			.server_name = "other.example",
			.says = "name"},
		{.name = "unknown authority",
			.ignore = true,
			.server = NOT_YET,
			.trusts = TRUST_OTHER,
			.says = "issuer is unknown"},
		{.name = "a client's",
			.ignore = true,
			.server = NOT_YET,
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.says = "purpose"},
		{.name = "forged",
			.ignore = true,
			.server = NOT_YET,
			.signed_by = IMPOSTOR,
			.says = "signature"},
		{.name = "forged below a middle that is not valid yet",
			.ignore = true,
			.with_middle = true,
			.middle = NOT_YET,
			.server = NOT_YET,
			.signed_by = IMPOSTOR,
			.says = "signature"},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* What has expired is found wherever GnuTLS finds it: see test_strict. */
static void test_late(_unused_ void **state)
{
	static const char late[] = "expired";
	static const struct row rows[] = {
		{.name = "expired", .ignore = true, .server = EXPIRED, .says = late},
		{.name = "expired middle",
			.ignore = true,
			.with_middle = true,
			.middle = EXPIRED,
			.server = NOT_YET,
			.says = late},
		{.name = "expired authority",
			.ignore = true,
			.ca = EXPIRED,
			.server = NOT_YET,
			.says = late},
		{.name = "expired below one that is not valid yet",
			.ignore = true,
			.ca = NOT_YET,
			.server = EXPIRED,
			.says = late},
		{.name = "expired in store",
			.ignore = true,
			.trusts = TRUST_SERVER,
			.server = EXPIRED,
			.says = late},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* Who sees it must see that it is the clock, and what can be done. */
static void test_advice(_unused_ void **state)
{
	static const struct row early = {.server = NOT_YET}, late = {.server = EXPIRED};
	time_t now = time(NULL);
	struct error err = {0};
	struct tm tm;
	char date[64];

	strftime(date, sizeof(date), "clock says %Y-%m-%d ", gmtime_r(&now, &tm));
	assert_int_equal(play(&early, &err), -EKEYREJECTED);
	assert_non_null(strstr(err.text, date));
	assert_non_null(strstr(err.text, "--tls-ignore-not-before"));
	assert_non_null(strstr(err.text, "pre-shared key"));
	assert_int_equal(play(&late, &err), -EKEYREJECTED);
	assert_null(strstr(err.text, "--tls-ignore-not-before"));
}

/* Which name, which issuer, until when, by which store; and nothing that a terminal
 * obeys. */
static void test_facts(_unused_ void **state)
{
	static const char evil[] = "\x1b[31m\"\n\xe2\x80\xae";
	static const struct row rows[] = {
		{.name = "wrong name",
			.server_name = "other.example",
			.says = "The name in the certificate does not match the expected. It "
				"names \"other.example\", is issued by \"CN=CA\", and is valid until "
				"@; CA file ca.pem was used. If that is the right server, name it "
				"with --tls-hostname."},
		{.name = "control characters",
			.server_name = "other.example",
			.ca_name = evil,
			.says = "The name in the certificate does not match the expected. It "
				"names \"other.example\", is issued by \"CN=?[31m????\", and is valid until @; CA "
				"file ca.pem was used. If that is the right server, name it with "
				"--tls-hostname."},
		{.name = "unknown authority",
			.trusts = TRUST_OTHER,
			.with_middle = true,
			.says = "The certificate issuer is unknown. It names \"" NAME
				"\", is "
				"issued by \"CN=middle\", and is valid until @; CA file ca.pem was "
				"used. Name its CA with --tls-ca or tls-certificates=."},
		{.name = "expired",
			.server = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is issued by \"CN=CA\", and is valid until #; CA file ca.pem was "
				"used. The server needs a new one."},
		{.name = "expired middle",
			.with_middle = true,
			.middle = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is issued by \"CN=middle\", and is valid until @; CA file ca.pem was "
				"used. That of \"CN=middle\" is valid until #. The server needs a new "
				"one."},
		{.name = "expired authority",
			.ca = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is issued by \"CN=CA\", and is valid until @; CA file ca.pem was "
				"used. That of its CA is not valid now. The server needs a new one."},
		{.name = "self-signed",
			.trusts = TRUST_SERVER,
			.server = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is self-signed, and is valid until #; CA file ca.pem was used. The "
				"server needs a new one."},
		{.name = "a client's",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.says = "The certificate chain does not match the intended purpose. It names \"" NAME
				"\", is issued by \"CN=CA\", and is valid until @; CA file ca.pem was "
				"used. It must be made for servers (TLS WWW server)."},
	};
	time_t now = time(NULL), valid = now + 7 * DAY, expired = now - DAY;
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct error err = {0};
		char *words = NULL, date[16];
		size_t size;
		FILE *out = open_memstream(&words, &size);
		struct tm tm;

		fputs("the certificate of \"" NAME "\" is not accepted: ", out);
		for (const char *c = rows[i].says; *c; c++) {
			time_t when = *c == '@' ? valid : expired;

			strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&when, &tm));
			if (*c == '@' || *c == '#')
				fputs(date, out);
			else
				fputc(*c, out);
		}
		fclose(out);
		assert_int_equal(play(&rows[i], &err), -EKEYREJECTED);
		if (strcmp(err.text, words) != 0) {
			print_error("%s:\n  got  %s\n  want %s\n", rows[i].name, err.text,
				words);
			failed++;
		}
		free(words);
	}
	assert_int_equal(failed, 0);
}

/* GnuTLS's own default takes RSA with 1024 bits, and the user's string may ask for less.
 */
static void test_weak(_unused_ void **state)
{
	static const char weak[] = "2048 bits";
	static const struct row rows[] = {
		{.name = "RSA", .kind = {[CA] = RSA_2048, [SERVER] = RSA_2048}},
		{.name = "weak server", .kind = {[SERVER] = RSA_1024}, .says = weak},
		{.name = "weak middle",
			.with_middle = true,
			.kind = {[MIDDLE] = RSA_1024},
			.says = weak},
		{.name = "weak authority", .kind = {[CA] = RSA_1024}, .says = weak},
		{.name = "weak in store",
			.trusts = TRUST_SERVER,
			.kind = {[SERVER] = RSA_1024},
			.says = weak},
		{.name = "weak signature", .digest = GNUTLS_DIG_SHA1, .says = weak},
		{.name = "weak and early",
			.ignore = true,
			.server = NOT_YET,
			.kind = {[SERVER] = RSA_1024},
			.says = weak},
		{.name = "weak server, low profile",
			.priority = "NORMAL:%PROFILE_VERY_WEAK",
			.kind = {[SERVER] = RSA_1024},
			.says = weak},
		{.name = "weak signature, allowed",
			.priority = "NORMAL:%VERIFY_ALLOW_SIGN_WITH_SHA1",
			.digest = GNUTLS_DIG_SHA1,
			.says = weak},
		/* more than that is the policy's to ask for */
		{.name = "high profile", .priority = "NORMAL:%PROFILE_HIGH"},
		{.name = "too weak for a high profile",
			.priority = "NORMAL:%PROFILE_HIGH",
			.kind = {[SERVER] = RSA_2048},
			.says = "insecure"},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* A server may choose any group in TLS 1.2, and GnuTLS takes one of 1024 bits. */
static void test_weak_group(_unused_ void **state)
{
	static const struct row row = {
		.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:-GROUP-ALL",
		.kind = {[SERVER] = RSA_2048}};
	static const unsigned bits[] = {1024, 2048};

	for (size_t i = 0; i < ELEMENTSOF(bits); i++) {
		gnutls_dh_params_t group;
		struct error err = {0};
		int r;

		assert_int_equal(gnutls_dh_params_init(&group), 0);
		assert_int_equal(gnutls_dh_params_generate2(group, bits[i]), 0);
		r = play_with_group(&row, group, &err);
		gnutls_dh_params_deinit(group);
		if (bits[i] == 2048) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, -EPROTO);
		assert_int_equal(err.fault, FAULT_TLS);
		assert_non_null(strstr(err.text, "group of 1024 bits"));
	}
}

/* Our own, by which a server knows us. */
static void test_weak_client(_unused_ void **state)
{
	static const enum kind kinds[] = {P256, RSA_2048, RSA_1024};
	const struct target t = {.tls = TLS_MODE_REQUIRE, .tls_cert = (char *)"me.pem"};

	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		const struct row row = {
			.kind = {[SERVER] = kinds[i]}, .trusts = TRUST_SERVER};
		struct tls_credentials *credentials = NULL;
		gnutls_datum_t key;
		struct error err = {0};
		struct pki p = {0};
		int r;

		pki_make(&row, &p);
		assert_int_equal(gnutls_x509_privkey_export2(
					 keys[SERVER], GNUTLS_X509_FMT_PEM, &key),
			0);
		r = tls_credentials_new(&t,
			&(struct credentials){.cert = {.data = (char *)p.trusted.data,
						      .size = p.trusted.size},
				.key = {.data = (char *)key.data, .size = key.size}},
			&credentials, &err);
		tls_credentials_free(credentials);
		gnutls_free(key.data);
		pki_free(&p);
		assert_int_equal(r, kinds[i] == RSA_1024 ? -EINVAL : 0);
		if (r == 0)
			continue;
		assert_int_equal(err.fault, FAULT_USAGE);
		assert_non_null(strstr(err.text, "me.pem"));
		assert_non_null(strstr(err.text, "1024 bits"));
	}
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

static int setup(_unused_ void **state)
{
	alarm(PATIENCE);
	for (size_t kind = 0; kind < N_KINDS; kind++)
		for (size_t i = 0; i < N_KEYS; i++)
			if (make_key((enum kind)kind, &pool[kind][i]) < 0)
				return -1;
	return 0;
}

static int teardown(_unused_ void **state)
{
	for (size_t kind = 0; kind < N_KINDS; kind++)
		for (size_t i = 0; i < N_KEYS; i++)
			gnutls_x509_privkey_deinit(pool[kind][i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_early_and_wrong),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_weak),
		cmocka_unit_test(test_weak_group),
		cmocka_unit_test(test_weak_client),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_facts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
