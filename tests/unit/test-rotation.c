/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials that are replaced on disk, in the ways of administrators and their tools.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "kernel/root-disk.h"
#include "new-certificate.h"
#include "supervisor/private-root.h"
#include "supervisor/rotation.h"

/* ---- the world of a supervisor ---- */

static struct supervisor s;
static struct attachment a;
static struct target t;
static bool on_root_disk, all_up, private_root;
static unsigned n_told;
static char told[STATE_EVENT_SIZE];

bool root_disk_is_on(_unused_ unsigned index)
{
	return on_root_disk;
}

bool private_root_is_entered(void)
{
	return private_root;
}

bool supervisor_all_up(_unused_ const struct supervisor *of)
{
	return all_up;
}

void supervisor_tell(_unused_ struct supervisor *of, int link, const char *kind,
	const char *format, ...)
{
	va_list args;

	assert_int_equal(link, -1);
	assert_string_equal(kind, "reload");
	n_told++;
	va_start(args, format);
	vsnprintf(told, sizeof(told), format, args);
	va_end(args);
}

/* ---- files ---- */

struct identity {
	char *cert, *key; /* PEM */
};

static struct identity before, after;

static char *to_text(gnutls_datum_t *pem)
{
	char *text = strndup((char *)pem->data, pem->size);

	assert_non_null(text);
	gnutls_free(pem->data);
	return text;
}

static struct identity new_identity(void)
{
	gnutls_x509_privkey_t key = new_key();
	gnutls_x509_crt_t crt = new_certificate(NULL, key);
	gnutls_datum_t cert_pem, key_pem;

	sign_by_itself(crt, key);
	cert_pem = to_pem(crt);
	assert_int_equal(
		gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem), 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return (struct identity){to_text(&cert_pem), to_text(&key_pem)};
}

/* In place, as by a shell's redirection. */
static void put(const char *name, const char *text, size_t size)
{
	_cleanup_close_ int fd =
		open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* By rename, as careful programs do. */
static void exchange(const char *name, const char *text)
{
	put_text("new", text);
	assert_int_equal(rename("new", name), 0);
}

static void put_identity(const struct identity *of)
{
	put_text("ca.pem", of->cert);
	put_text("cert.pem", of->cert);
	put_text("key.pem", of->key);
}

static bool has(const struct blob *blob, const char *text)
{
	return blob->size == strlen(text) && memcmp(blob->data, text, blob->size) == 0;
}

static bool has_identity(const struct identity *of)
{
	return has(&s.credentials.ca, of->cert) && has(&s.credentials.cert, of->cert) &&
		has(&s.credentials.key, of->key);
}

/* ---- messages ---- */

static void told_nothing(void)
{
	assert_int_equal(n_told, 0);
}

static void told_once(const char *words)
{
	assert_int_equal(n_told, 1);
	assert_non_null(strstr(told, words));
	assert_null(strstr(told, "PRIVATE KEY"));
	n_told = 0;
}

static void fails(const struct supervisor *of, enum fault fault)
{
	const struct error err = {.fault = fault};

	rotation_after_attempt((struct supervisor *)of, &err);
}

/* ---- the tests ---- */

/* SIGHUP in the middle, after the certificate and before its key. */
static void test_pair(_unused_ void **state)
{
	put_text("cert.pem", after.cert);
	assert_false(rotation_read(&s));
	told_once("cert.pem");
	assert_true(has_identity(&before));
	assert_false(rotation_read(&s));
	told_nothing();

	put_text("key.pem", after.key);
	put_text("ca.pem", after.cert);
	assert_true(rotation_read(&s));
	told_once("credentials read anew");
	assert_true(has_identity(&after));
}

/* Any file may be half written, empty, missing, or readable by others. */
static void test_faults(_unused_ void **state)
{
	static const struct {
		const char *file, *names;
		size_t size;
		bool missing, open;
	} rows[] = {
		{.file = "ca.pem", .names = "ca.pem"},
		{.file = "ca.pem", .names = "ca.pem", .size = 200},
		{.file = "ca.pem", .names = "ca.pem", .missing = true},
		{.file = "cert.pem", .names = "cert.pem"},
		{.file = "cert.pem", .names = "cert.pem", .size = 200},
		{.file = "cert.pem", .names = "cert.pem", .missing = true},
		{.file = "key.pem", .names = ".pem"},
		{.file = "key.pem", .names = ".pem", .size = 100},
		{.file = "key.pem", .names = "key.pem", .missing = true},
		{.file = "key.pem", .names = "key.pem", .size = SIZE_MAX, .open = true},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const char *text =
			strcmp(rows[i].file, "key.pem") == 0 ? after.key : after.cert;

		put_identity(&after);
		put(rows[i].file, text,
			rows[i].size == SIZE_MAX ? strlen(text) : rows[i].size);
		if (rows[i].open)
			assert_int_equal(chmod(rows[i].file, 0644), 0);
		if (rows[i].missing)
			assert_int_equal(unlink(rows[i].file), 0);
		assert_false(rotation_read(&s));
		told_once(rows[i].names);
		assert_true(has_identity(&before));
		assert_int_equal(s.credentials_error.fault, FAULT_NONE);
		if (!rows[i].missing)
			assert_int_equal(unlink(rows[i].file), 0);
		s.rotation_error = (struct error){0};
	}
	put_identity(&after);
	assert_true(rotation_read(&s));
	assert_true(has_identity(&after));
}

/* A file to which a certificate is being appended: the last one is incomplete. */
static void test_torn_list(_unused_ void **state)
{
	char list[8192];
	int size = snprintf(list, sizeof(list), "%s%s", before.cert, after.cert);

	put("ca.pem", list, (size_t)size - 100);
	assert_false(rotation_read(&s));
	told_once("ca.pem");
	assert_true(has_identity(&before));
	put("ca.pem", list, (size_t)size);
	assert_true(rotation_read(&s));
	assert_true(has(&s.credentials.ca, list));
}

/* Kubernetes and certbot: files are symlinks into a folder that is exchanged. */
static void test_symlinks(_unused_ void **state)
{
	static const char *const names[] = {"ca.pem", "cert.pem", "key.pem"};
	char link[32];

	assert_int_equal(mkdir("1", 0700), 0);
	assert_int_equal(chdir("1"), 0);
	put_identity(&after);
	assert_int_equal(chdir(".."), 0);
	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		snprintf(link, sizeof(link), "..data/%s", names[i]);
		assert_int_equal(unlink(names[i]), 0);
		assert_int_equal(symlink(link, names[i]), 0);
	}
	assert_false(rotation_read(&s));
	told_once("No such file");
	assert_int_equal(symlink("1", "..new"), 0);
	assert_int_equal(rename("..new", "..data"), 0);
	assert_true(rotation_read(&s));
	assert_true(has_identity(&after));
}

/* Without SIGHUP: only after an attempt that failed because of them, once for each. */
static void test_doubt(_unused_ void **state)
{
	exchange("ca.pem", after.cert);
	assert_true(rotation_before_attempt(&s));
	fails(&s, FAULT_NONE);
	assert_true(rotation_before_attempt(&s));
	fails(&s, FAULT_UNREACHED);
	assert_true(rotation_before_attempt(&s));
	assert_true(has_identity(&before));
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	told_once("have changed");
	assert_true(has(&s.credentials.ca, after.cert));

	fails(&s, FAULT_TLS); /* for another reason: the files are the same */
	assert_true(rotation_before_attempt(&s));
	told_nothing();

	exchange("key.pem", after.key);
	fails(&s, FAULT_USAGE);
	assert_true(rotation_before_attempt(&s));
	told_once("cert.pem");
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	told_nothing();
	exchange("cert.pem", after.cert);
	assert_true(rotation_before_attempt(&s)); /* not after an attempt */
	assert_true(has(&s.credentials.cert, before.cert));
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	told_once("have changed");
	assert_true(has_identity(&after));
}

/* Reading from the disk that is away would block for good. */
static void test_must_wait(_unused_ void **state)
{
	assert_false(rotation_must_wait(&s));
	put_identity(&after);
	all_up = false;
	on_root_disk = true;
	assert_true(rotation_must_wait(&s));
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	on_root_disk = false;
	t.lock_memory = true;
	assert_true(rotation_must_wait(&s));
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	assert_true(has_identity(&before));
	all_up = true;
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	assert_true(has_identity(&after));
}

/* In a private root directory the credentials are in memory only. */
static void test_private_root(_unused_ void **state)
{
	private_root = true;
	put_identity(&after);
	assert_true(rotation_read(&s));
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	told_nothing();
	assert_true(has_identity(&before));
}

/* A supervisor without credentials takes those that appear later, if they are valid. */
static void test_none(_unused_ void **state)
{
	credentials_done(&s.credentials);
	error_set(&s.credentials_error, FAULT_USAGE, -ENOENT, "no files");
	put_text("key.pem", after.key);
	assert_false(rotation_before_attempt(&s));
	assert_non_null(strstr(s.credentials_error.text, "cert.pem"));
	put_text("key.pem", before.key);
	assert_true(rotation_before_attempt(&s));
	assert_true(has_identity(&before));
	told_nothing();
}

static void test_pre_shared_key(_unused_ void **state)
{
	t.tls_auth = TLS_AUTH_PSK;
	put_text("keys.psk", "alice:0011223344556677\n");
	assert_true(rotation_read(&s));
	told_once("credentials read anew");
	put_text("keys.psk", "");
	assert_false(rotation_read(&s));
	told_once("keys.psk");
	put_text("keys.psk", "alice:001122334\n"); /* cut short */
	assert_false(rotation_read(&s));
	assert_int_equal(unlink("keys.psk"), 0);
	assert_false(rotation_read(&s));
	assert_string_equal(s.credentials.psk_username, "alice");
	assert_true(has(&s.credentials.psk_key, "0011223344556677"));
	n_told = 0;
	put_text("keys.psk", "alice:8899aabbccddeeff\n");
	fails(&s, FAULT_TLS);
	assert_true(rotation_before_attempt(&s));
	told_once("have changed");
	assert_true(has(&s.credentials.psk_key, "8899aabbccddeeff"));
	put_text("keys.psk", "bob:8899aabbccddeeff\n"); /* it is another's now */
	assert_true(rotation_read(&s));
	assert_string_equal(s.credentials.psk_username, "bob");
}

/* ---- */

static char folder[] = "/tmp/test-rotation-XXXXXX";

static int setup(_unused_ void **state)
{
	before = new_identity();
	after = new_identity();
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static void identity_done(struct identity *of)
{
	free(of->cert);
	free(of->key);
}

static int teardown(_unused_ void **state)
{
	identity_done(&before);
	identity_done(&after);
	return chdir("/") < 0 || rmdir(folder) < 0 ? -1 : 0;
}

static int begin(_unused_ void **state)
{
	struct error err = {0};

	t = (struct target){.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_X509,
		.tls_verify_peer = true,
		.host = (char *)"server.example",
		.tls_ca = (char *)"ca.pem",
		.tls_cert = (char *)"cert.pem",
		.tls_key = (char *)"key.pem",
		.tls_psk_file = (char *)"keys.psk"};
	a = ATTACHMENT_NONE;
	s = (struct supervisor){.a = &a, .target = &t};
	all_up = true;
	on_root_disk = private_root = false;
	n_told = 0;
	put_identity(&before);
	return credentials_read(&t, &s.credentials, &err);
}

static int end(_unused_ void **state)
{
	static const char *const files[] = {"ca.pem", "cert.pem", "key.pem", "keys.psk",
		"1/ca.pem", "1/cert.pem", "1/key.pem", "..data"};

	credentials_done(&s.credentials);
	for (size_t i = 0; i < ELEMENTSOF(files); i++)
		unlink(files[i]);
	rmdir("1");
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pair),
		TEST(test_faults),
		TEST(test_torn_list),
		TEST(test_symlinks),
		TEST(test_doubt),
		TEST(test_must_wait),
		TEST(test_private_root),
		TEST(test_none),
		TEST(test_pre_shared_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
