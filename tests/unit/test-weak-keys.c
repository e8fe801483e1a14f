/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which keys and signatures are too weak, whatever GnuTLS and the user accept. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certificates-world.h"
#include "common/scope.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

/* GnuTLS's default accepts RSA with 1024 bits, and a priority string may allow less. */
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
		/* only the policy can demand more */
		{.name = "high profile", .priority = "NORMAL:%PROFILE_HIGH"},
		{.name = "too weak for a high profile",
			.priority = "NORMAL:%PROFILE_HIGH",
			.kind = {[SERVER] = RSA_2048},
			.says = "insecure"},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* A server may choose any group in TLS 1.2, and GnuTLS accepts one of 1024 bits. */
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
		assert_string_equal(err.text,
			"the server chose a Diffie-Hellman group of 1024 bits: at least 2048 "
			"are required");
	}
}

/* The client's own key. */
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
					 pki_key(SERVER), GNUTLS_X509_FMT_PEM, &key),
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
		assert_string_equal(err.text,
			"client certificate me.pem has a key of 1024 bits (RSA): at least 2048 "
			"are required");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weak),
		cmocka_unit_test(test_weak_group),
		cmocka_unit_test(test_weak_client),
	};

	return cmocka_run_group_tests(
		tests, certificates_world_begin, certificates_world_end);
}
