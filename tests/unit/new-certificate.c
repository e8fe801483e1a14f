/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/scope.h"
#include "new-certificate.h"

#define HOUR 3600

gnutls_x509_privkey_t new_key(void)
{
	gnutls_x509_privkey_t key;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
				 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		0);
	return key;
}

gnutls_x509_privkey_t group_key;

int group_key_setup(void **state _unused_)
{
	group_key = new_key();
	return 0;
}

int group_key_teardown(void **state _unused_)
{
	gnutls_x509_privkey_deinit(group_key);
	return 0;
}

void set_validity(gnutls_x509_crt_t crt, time_t from, time_t to)
{
	assert_int_equal(gnutls_x509_crt_set_activation_time(crt, from), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, to), 0);
}

gnutls_x509_crt_t new_certificate(const char *name, gnutls_x509_privkey_t key)
{
	static unsigned char serial;
	const time_t now = time(NULL);
	gnutls_x509_crt_t crt;

	serial++;
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, &serial, 1), 0);
	if (name)
		assert_int_equal(
			gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
				name, (unsigned)strlen(name)),
			0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
	set_validity(crt, now - HOUR, now + HOUR);
	return crt;
}

void sign_by_itself(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
}

gnutls_datum_t to_pem(gnutls_x509_crt_t crt)
{
	gnutls_datum_t pem;

	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
	return pem;
}
