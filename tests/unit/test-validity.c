/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dates of certificates: which of them are errors, and which only warnings. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "new-certificate.h"
#include "wire/tls-validity.h"

#define NOW ((time_t)1700000000) /* 2023-11-14 22:13 UTC */
#define DAY ((time_t)24 * 3600)

/* Appends a certificate to a PEM file: valid from and to so many days from now. */
static void add(struct blob *file, const char *name, int from, int to)
{
	gnutls_x509_crt_t crt = new_certificate(name, group_key);
	gnutls_datum_t pem;

	set_validity(crt, NOW + from * DAY, NOW + to * DAY);
	sign_by_itself(crt, group_key);
	pem = to_pem(crt);
	file->data = realloc(file->data, file->size + pem.size + 1);
	assert_non_null(file->data);
	memcpy(file->data + file->size, pem.data, pem.size);
	file->size += pem.size;
	file->data[file->size] = 0;
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
}

struct days {
	int from, to; /* both 0: none */
};

static const struct row {
	struct days cert[2], ca[2];
	int r;
	const char *says;
	bool unverified, ignore_not_before;
} rows[] = {
	{{{-9, 99}}, {{-999, 999}}, .r = 0},
	{{{-99, -1}}, {{-999, 999}}, .r = -EKEYEXPIRED,
		.says = "client certificate /cert (\"CN=cert0\") expired on 2023-11-13 "
			"22:13 UTC: renew it"},
	{{{-9, 99}, {-99, -2}}, {{-999, 999}}, .r = -EKEYEXPIRED, .says = "CN=cert1"},
	{{{1, 99}}, {{-999, 999}}, .r = -EKEYREJECTED,
		.says = "client certificate /cert (\"CN=cert0\") is not valid before 2023-11-15 "},
	{{{-99, 3}}, {{-999, 999}}, .r = 1,
		.says = "client certificate /cert (\"CN=cert0\") expires on 2023-11-17 "},
	/* of a short life, most is left */
	{{{0, 1}}, {{-999, 999}}, .r = 0},
	{{{0}}, {{-99, -1}}, .r = -EKEYEXPIRED,
		.says = "CA file /ca (\"CN=ca0\") expired"},
	{{{0}}, {{-99, -1}, {-1, 999}}, .r = 1, .says = "CN=ca0"},
	{{{0}}, {{-1, 999}, {-99, -1}}, .r = 1, .says = "CN=ca1"},
	{{{0}}, {{-99, -1}, {-99, -3}}, .r = -EKEYEXPIRED, .says = "CN=ca0"},
	{{{0}}, {{-99, -1}}, .r = 0, .unverified = true},
	{{{0}}, {{1, 99}}, .r = -EKEYREJECTED, .says = "not valid before"},
	{{{0}}, {{1, 99}}, .r = 0, .ignore_not_before = true},
	{{{-99, 3}}, {{-99, -1}}, .r = -EKEYEXPIRED, .says = "CA file"},
	{{{-99, 3}}, {{-999, 5}}, .r = 1, .says = "client certificate"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_credentials_ struct credentials c = {0};
		char cert[] = "/cert", ca[] = "/ca";
		const struct row *row = &rows[i];
		struct target t = {.tls = TLS_MODE_REQUIRE,
			.tls_verify_peer = !row->unverified,
			.tls_ignore_not_before = row->ignore_not_before,
			.tls_ca = ca};
		struct error err = {0};
		int r;

		for (size_t k = 0; k < 2; k++) {
			const char *const names[][2] = {
				{"cert0", "ca0"}, {"cert1", "ca1"}};

			if (row->cert[k].to != 0) {
				t.tls_cert = cert;
				add(&c.cert, names[k][0], row->cert[k].from,
					row->cert[k].to);
			}
			if (row->ca[k].to != 0)
				add(&c.ca, names[k][1], row->ca[k].from, row->ca[k].to);
		}
		r = tls_validity(&t, &c, NOW, &err);
		if (r != row->r || (r < 0) != (err.fault == FAULT_USAGE) ||
			(row->says && !strstr(err.text, row->says)))
			fail_msg("row %zu: %d, fault %d, %s", i, r, (int)err.fault,
				err.text);
		t.tls = TLS_MODE_OFF;
		assert_int_equal(tls_validity(&t, &c, NOW, &err), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, group_key_setup, group_key_teardown);
}
