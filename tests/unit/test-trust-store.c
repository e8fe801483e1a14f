/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the system's trust store is looked for: as a file in the places where
 * distributions have it; in a module of p11-kit, here with a folder of the test's own;
 * where GnuTLS itself looks.
 */
#include <errno.h>
#include <gnutls/pkcs11.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "new-certificate.h"
#include "wire/credentials.h"
#include "wire/trust-store.h"

static char folder[] = "/tmp/test-trust-store-XXXXXX";

static bool has_p11_kit;

/* What came of GnuTLS's initialization. */
static int library;

/* What GnuTLS finds by itself: a file, or "pkcs11:", as on Fedora; NULL: nothing. */
static const char *gnutls_default;

int __wrap_gnutls_x509_trust_list_add_system_trust(
	gnutls_x509_trust_list_t list, unsigned flags, unsigned verify_flags);

int __wrap_gnutls_x509_trust_list_add_system_trust(
	gnutls_x509_trust_list_t list, unsigned flags, unsigned verify_flags)
{
	return gnutls_default
		? gnutls_x509_trust_list_add_trust_file(list, gnutls_default, NULL,
			  GNUTLS_X509_FMT_PEM, flags, verify_flags)
		: GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

int __wrap_gnutls_global_init(void);
int __wrap_gnutls_global_init(void)
{
	return library;
}

/* As PEM. purpose NULL: any. */
static gnutls_datum_t new_authority(const char *name, const char *purpose)
{
	gnutls_x509_privkey_t key = new_key();
	gnutls_x509_crt_t crt = new_certificate(name, key);
	gnutls_datum_t pem;

	assert_int_equal(gnutls_x509_crt_set_ca_status(crt, 1), 0);
	if (purpose)
		assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0), 0);
	sign_by_itself(crt, key);
	pem = to_pem(crt);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return pem;
}

static void make_folders(const char *path)
{
	char part[PATH_MAX];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		assert_true(mkdir(part, 0755) == 0 || errno == EEXIST);
	}
}

static void write_below(const char *place, const gnutls_datum_t *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", folder, place);
	make_folders(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(text->size == 0 || fwrite(text->data, text->size, 1, file) == 1);
	assert_int_equal(fclose(file), 0);
}

static void put_authority(const char *place, const char *name, const char *purpose)
{
	gnutls_datum_t pem = new_authority(name, purpose);

	write_below(place, &pem);
	gnutls_free(pem.data);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names of the certificates in that PEM, sorted. */
static void assert_names(const struct blob *pem, const char *wanted)
{
	const gnutls_datum_t text = {(unsigned char *)pem->data, (unsigned)pem->size};
	char names[8][64] = {0}, all[sizeof(names)] = "";
	gnutls_x509_crt_t list[ELEMENTSOF(names)];
	unsigned n = ELEMENTSOF(names);

	assert_true(pem->size == 0 ||
		gnutls_x509_crt_list_import(list, &n, &text, GNUTLS_X509_FMT_PEM,
			GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED) >= 0);
	for (unsigned i = 0; pem->size > 0 && i < n; i++) {
		size_t size = sizeof(names[i]);

		assert_int_equal(
			gnutls_x509_crt_get_dn_by_oid(list[i],
				GNUTLS_OID_X520_COMMON_NAME, 0, 0, names[i], &size),
			0);
		gnutls_x509_crt_deinit(list[i]);
	}
	qsort(names, ELEMENTSOF(names), sizeof(names[0]), compare);
	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		strcat(all, names[i][0] && all[0] ? " " : "");
		strcat(all, names[i]);
	}
	assert_string_equal(all, wanted);
}

static void assert_store(const char *trusted, const char *distrusted)
{
	_cleanup_blob_ struct blob good = {0}, bad = {0};
	struct error err = {0};
	int r = trust_store_read(folder, &good, &bad, &err);

	if (r < 0)
		print_error("%s\n", err.text);
	assert_int_equal(r, 0);
	assert_names(&good, trusted);
	assert_names(&bad, distrusted);
}

static void test_nothing(void **state _unused_)
{
	assert_null(trust_store_file(folder));
	assert_store("", "");
}

static void test_default(void **state _unused_)
{
	char path[PATH_MAX];

	put_authority("/default.pem", "default", NULL);
	snprintf(path, sizeof(path), "%s/default.pem", folder);
	gnutls_default = path;
	assert_store("default", "");
	gnutls_default = NULL;
}

/* GnuTLS's own list has what vouches for other things, too. */
static void test_p11_kit_without_servers(void **state _unused_)
{
	if (!has_p11_kit)
		skip();
	gnutls_default = "pkcs11:";
	put_authority("/p11/anchors/mail.pem", "mail", GNUTLS_KP_EMAIL_PROTECTION);
	assert_store("", "");
}

/* Of a store, only what may vouch for servers; what it distrusts, all. */
static void test_p11_kit(void **state _unused_)
{
	if (!has_p11_kit)
		skip();
	put_authority("/p11/anchors/servers.pem", "servers", GNUTLS_KP_TLS_WWW_SERVER);
	put_authority("/p11/blocklist/both.pem", "bad", NULL);
	put_authority("/p11/blocklist/mail.pem", "bad mail", GNUTLS_KP_EMAIL_PROTECTION);
	gnutls_default = NULL;
	assert_store("servers", "bad bad mail");
	gnutls_default = "pkcs11:";
	assert_store("servers", "bad bad mail");
}

/* An earlier place comes before a later one, and a file before p11-kit's anchors. */
static void test_files(void **state _unused_)
{
	static const char *const places[] = {"/etc/ssl/cert.pem",
		"/etc/ssl/ca-bundle.pem", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/certs/ca-certificates.crt"};
	const char *distrusted = has_p11_kit ? "bad bad mail" : "";

	for (size_t i = 0; i < ELEMENTSOF(places); i++) {
		put_authority(places[i], places[i], NULL);
		assert_string_equal(trust_store_file(folder), places[i]);
		assert_store(places[i], distrusted);
	}
}

static void test_not_a_file(void **state _unused_)
{
	struct blob good = {0}, bad = {0};
	char path[128], says[256];
	struct error err = {0};

	snprintf(path, sizeof(path), "%s/etc/ssl/certs/ca-certificates.crt", folder);
	snprintf(says, sizeof(says),
		"cannot read the system's trust store %s: Invalid argument", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(trust_store_read(folder, &good, &bad, &err), -EINVAL);
	assert_int_equal(err.fault, FAULT_OTHER);
	assert_string_equal(err.text, says);
}

/* In FIPS mode it may find that it was damaged; nothing else would say so. */
static void test_broken_library(void **state _unused_)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE, .tls_verify_peer = true};
	struct credentials c;
	struct error err = {0};

	library = GNUTLS_E_SELF_TEST_ERROR;
	assert_int_equal(credentials_read(&t, &c, &err), -EIO);
	assert_int_equal(err.fault, FAULT_OTHER);
	assert_non_null(strstr(err.text, "GnuTLS cannot be used: Error while"));
	library = 0;
}

/* Before GnuTLS loads the module as the system has configured it. */
static int begin(void **state _unused_)
{
	char options[PATH_MAX];

	if (!mkdtemp(folder) || gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, NULL) < 0)
		return -1;
	snprintf(options, sizeof(options), "p11-kit:paths='%s/p11' trusted=yes", folder);
	has_p11_kit = access(P11_KIT_TRUST, R_OK) == 0;
	return has_p11_kit ? gnutls_pkcs11_add_provider(P11_KIT_TRUST, options) : 0;
}

static int end(void **state _unused_)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	gnutls_pkcs11_deinit();
	return system(command);
}

int main(void)
{
	/* in this order: each adds something that comes before what is there */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_p11_kit_without_servers),
		cmocka_unit_test(test_p11_kit),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_broken_library),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
