/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and certificates. The running test fails if GnuTLS makes none. */
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

/* On the curve P-256. The caller releases it. */
gnutls_x509_privkey_t new_key(void);

/* A key for a group of tests, with the fixtures for cmocka_run_group_tests(). */
extern gnutls_x509_privkey_t group_key;
int group_key_setup(void **state);
int group_key_teardown(void **state);

/*
 * For that key, with a serial number of its own, valid for an hour before and after now,
 * not signed yet. name: whom it is for, or NULL. The caller releases it.
 */
gnutls_x509_crt_t new_certificate(const char *name, gnutls_x509_privkey_t key);

void set_validity(gnutls_x509_crt_t crt, time_t from, time_t to);
void sign_by_itself(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key);

/* As PEM; the caller releases its data with gnutls_free(). */
gnutls_datum_t to_pem(gnutls_x509_crt_t crt);
