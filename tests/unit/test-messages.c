/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages, word for word, and exit codes: about credentials, names, TLS and negotiation.
 * Each message names the file or the server at fault, and the next step if it is not
 * obvious.
 */
#include <errno.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "new-certificate.h"
#include "wire/credentials.h"
#include "wire/tls.h"

/* In the test's own folder, which is the working directory. */
#define CA   "ca.pem"
#define CERT "cert.pem"
#define KEY  "key.pem"
#define PSK  "keys.psk"

static char folder[] = "/tmp/test-messages-XXXXXX";

/* Of the client, and of somebody else. */
static gnutls_datum_t certificate, other_key, key, encrypted_key, der;

/* A file's content: text, or one of those above. */
struct content {
	const char *text;
	const gnutls_datum_t *made;
	mode_t mode; /* 0: 0600 */
};

#define TEXT(words) ((struct content){.text = (words)})
#define MADE(datum) ((struct content){.made = &(datum)})

static void write_file(const char *name, const struct content *c)
{
	const char *data = c->made ? (const char *)c->made->data : c->text;
	size_t size = c->made ? c->made->size : c->text ? strlen(c->text) : 0;
	FILE *file;

	unlink(name);
	if (!data)
		return;
	file = fopen(name, "w");
	assert_non_null(file);
	assert_true(size == 0 || fwrite(data, size, 1, file) == 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, c->mode ? c->mode : 0600), 0);
}

static bool said(const char *name, int r, const struct error *err, enum fault fault,
	const char *says)
{
	if (r < 0 ? says && err->fault == fault && strcmp(err->text, says) == 0 : !says)
		return true;
	print_error("%s: %d, fault %d\n  got  \"%s\"\n  want \"%s\"\n", name, r,
		(int)err->fault, err->text, says ? says : "nothing");
	return false;
}

/* Reads credentials and makes GnuTLS objects of them, as for a link. */
static int load(const struct target *t, struct error *err)
{
	_cleanup_(tls_credentials_freep) struct tls_credentials *tls = NULL;
	_cleanup_credentials_ struct credentials c = {0};
	int r = credentials_read(t, &c, err);

	return r < 0 ? r : tls_credentials_new(t, &c, &tls, err);
}

static void test_certificates(void **state _unused_)
{
	static const char garbage[] = "-----BEGIN PRIVATE KEY-----\nxxxx\n";
	static const char old[] =
		"-----BEGIN RSA PRIVATE KEY-----\n"
		"Proc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n"
		"\n"
		"AAAA\n"
		"-----END RSA PRIVATE KEY-----\n";
	/* clang-format off */
	const struct {
		const char *name;
		struct content ca, cert, key;
		const char *says;
	} rows[] = {
		{"good", MADE(certificate), MADE(certificate), MADE(key), NULL},
		{"no CA file", {0}, MADE(certificate), MADE(key),
			"cannot read CA file ca.pem: No such file or directory"},
		{"empty CA file", TEXT(""), MADE(certificate), MADE(key),
			"CA file ca.pem is empty"},
		{"CA file of something else", TEXT("<html>"), MADE(certificate), MADE(key), 
"CA file ca.pem has no certificate in PEM format"},
		{"CA file with a key", MADE(key), MADE(certificate), MADE(key), 
"CA file ca.pem has no certificate in PEM format"},
		{"CA file in DER", MADE(der), MADE(certificate), MADE(key), 
"CA file ca.pem is in DER format: \"openssl x509 -inform DER -in OLD -out NEW\" makes PEM of it"},
		{"empty certificate", MADE(certificate), TEXT(""), MADE(key),
			"client certificate cert.pem is empty"},
		{"certificate of something else", MADE(certificate), TEXT("x"), MADE(key), 
"client certificate cert.pem has no certificate in PEM format"},
		{"the two files swapped", MADE(certificate), MADE(key), MADE(certificate), 
"client certificate cert.pem has no certificate in PEM format"},
		{"another's key", MADE(certificate), MADE(certificate), MADE(other_key), 
"key file key.pem is not the key of client certificate cert.pem (the first in that file counts)"},
		{"empty key", MADE(certificate), MADE(certificate), TEXT(""),
			"key file key.pem is empty"},
		{"key of something else", MADE(certificate), MADE(certificate), TEXT("x"), 
"key file key.pem has no private key in PEM format"},
		{"damaged key", MADE(certificate), MADE(certificate), TEXT(garbage), 
"key file key.pem has no private key in PEM format: Base64 decoding error."},
		{"certificate for a key", MADE(certificate), MADE(certificate), MADE(certificate), 
"key file key.pem has no private key in PEM format"},
		{"key with a passphrase", MADE(certificate), MADE(certificate), MADE(encrypted_key), 
"key file key.pem has a passphrase, which nobody can enter at a reconnect: \"openssl pkey -in OLD -out NEW\" removes it"},
		{"key with a passphrase, old format", MADE(certificate), MADE(certificate), TEXT(old), 
"key file key.pem has a passphrase, which nobody can enter at a reconnect: \"openssl pkey -in OLD -out NEW\" removes it"},
		{"key that all can read", MADE(certificate), MADE(certificate), {.made = &key, .mode = 0644}, 
"key file key.pem can be read by everybody, or written by its group: chmod 600 it"},
	};
	/* clang-format on */
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct target t = {.tls = TLS_MODE_REQUIRE,
			.tls_ca = (char *)CA,
			.tls_cert = (char *)CERT,
			.tls_key = (char *)KEY,
			.tls_verify_peer = true};
		struct error err = {0};
		int r;

		write_file(CA, &rows[i].ca);
		write_file(CERT, &rows[i].cert);
		write_file(KEY, &rows[i].key);
		r = load(&t, &err);
		failed += !said(rows[i].name, r, &err, FAULT_USAGE, rows[i].says);
	}
	assert_int_equal(failed, 0);
}

static void test_folder(void **state _unused_)
{
	const struct target t = {
		.tls = TLS_MODE_REQUIRE, .tls_ca = (char *)CA, .tls_verify_peer = true};
	struct error err = {0};

	unlink(CA);
	assert_int_equal(mkdir(CA, 0700), 0);
	assert_true(load(&t, &err) < 0);
	assert_int_equal(rmdir(CA), 0);
	assert_int_equal(err.fault, FAULT_USAGE);
	assert_string_equal(err.text, "CA file ca.pem is not a regular file");
}

static void test_psk(void **state _unused_)
{
	/* clang-format off */
	const struct {
		const char *name, *user;
		struct content file;
		const char *says;
	} rows[] = {
		{"good", NULL, TEXT("alice:00112233\n"), NULL},
		{"good, of several", "bob", TEXT("alice:00112233\nbob:44556677"), NULL},
		{"two for one user: the first", "bob", TEXT("bob:44556677\nbob:00112233"), NULL},
		{"comment", NULL, TEXT("# keys\n\nalice:00112233"), NULL},
		{"commented out", NULL, TEXT("#alice:00112233\nbob:00112233"), NULL},
		{"comment with a colon", NULL, TEXT("# ab:00112233\nbob:00112233"), NULL},
		{"name in digits", "al:ice", TEXT("#616c3a696365:00112233\n"), NULL},
		{"name in digits, no user asked for", NULL, TEXT("#616C3A696365:00112233\n"), NULL},
		{"name in digits, of several", "\xfc:", TEXT("bob:00112233\n#fc3a:00112233\n"), NULL},
		{"name in digits, a bad key", NULL, TEXT("#616c:x\nbob:00112233\n"), NULL},
		{"digits as they are", "#616c", TEXT("#616c:00112233\n"),
			"PSK file keys.psk has no line for the user \"#616c\" (--tls-username)"},
		{"name in digits and another", NULL, TEXT("#616c:00112233\nbob:00112233\n"),
			"PSK file keys.psk has several keys: say which with --tls-username"},
		{"NUL in the name", NULL, TEXT("#61006c:00112233\nbob:00112233\n"), NULL},
		{"Windows", "alice", TEXT("\xef\xbb\xbf" "alice:00112233\r\n"), NULL},
		{"blanks", "alice", TEXT("alice: 00112233\t \n"), NULL},
		{"a bad line beside", NULL, TEXT("bob:x\nalice:00112233"), NULL},
		{"none", NULL, {0}, "cannot read PSK file keys.psk: No such file or directory"},
		{"readable", NULL, {.text = "alice:00112233", .mode = 0640}, NULL},
		{"readable by all", NULL, {.text = "alice:00112233", .mode = 0644},
			"PSK file keys.psk can be read by everybody, or written by its group: "
			"chmod 600 it"},
		{"empty", NULL, TEXT(""),
			"PSK file keys.psk is empty: a line USERNAME:KEY is needed, the key in "
			"hexadecimal"},
		{"several", NULL, TEXT("alice:00112233\nbob:44556677"),
			"PSK file keys.psk has several keys: say which with --tls-username"},
		{"another user", "bob", TEXT("alice:00112233\n"),
			"PSK file keys.psk has no line for the user \"bob\" (--tls-username)"},
		{"only a key", NULL, TEXT("00112233\n"),
			"PSK file keys.psk: line 1 has no user name, or no colon after it (it must be USERNAME:KEY, "
			"the key in hexadecimal)"},
		{"no key", "alice", TEXT("bob:00112233\nalice:\n"),
			"PSK file keys.psk: line 2 has no key after the colon (it must be "
			"USERNAME:KEY, the key in hexadecimal)"},
		{"not hexadecimal", NULL, TEXT("\nalice:secret\n"),
			"PSK file keys.psk: line 2 has a key that is not hexadecimal (it must be "
			"USERNAME:KEY, the key in hexadecimal)"},
		{"half a byte", NULL, TEXT("alice:001122334"),
			"PSK file keys.psk: line 1 has a key with an odd number of digits (it must "
			"be USERNAME:KEY, the key in hexadecimal)"},
		{"short", NULL, TEXT("alice:001122"),
			"PSK file keys.psk: line 1 has a key of less than 4 bytes (it must be "
			"USERNAME:KEY, the key in hexadecimal)"},
	};
	/* clang-format on */
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct target t = {.tls = TLS_MODE_REQUIRE,
			.tls_auth = TLS_AUTH_PSK,
			.tls_psk_file = (char *)PSK,
			.tls_username = (char *)rows[i].user};
		struct error err = {0};
		int r;

		write_file(PSK, &rows[i].file);
		r = load(&t, &err);
		failed += !said(rows[i].name, r, &err, FAULT_USAGE, rows[i].says);
	}
	assert_int_equal(failed, 0);
}

static void export_key(gnutls_x509_privkey_t from, const char *passphrase, unsigned flags,
	gnutls_datum_t *ret)
{
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(
				 from, GNUTLS_X509_FMT_PEM, passphrase, flags, ret),
		0);
}

static int setup(_unused_ void **state)
{
	gnutls_x509_privkey_t mine = new_key(), other = new_key();
	gnutls_x509_crt_t crt = new_certificate(NULL, mine);

	export_key(mine, NULL, GNUTLS_PKCS_PLAIN, &key);
	export_key(other, NULL, GNUTLS_PKCS_PLAIN, &other_key);
	export_key(mine, "secret", GNUTLS_PKCS_PBES2_AES_256, &encrypted_key);
	sign_by_itself(crt, mine);
	certificate = to_pem(crt);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der), 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(mine);
	gnutls_x509_privkey_deinit(other);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(_unused_ void **state)
{
	gnutls_datum_t *all[] = {&certificate, &other_key, &key, &encrypted_key, &der};
	const char *files[] = {CA, CERT, KEY, PSK};

	for (size_t i = 0; i < ELEMENTSOF(all); i++)
		gnutls_free(all[i]->data);
	for (size_t i = 0; i < ELEMENTSOF(files); i++)
		unlink(files[i]);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_psk),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
