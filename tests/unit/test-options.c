/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/scope.h"
#include "target/target.h"

#define NAME_64 "0123456789012345678901234567890123456789012345678901234567890123"

static void set(struct target *t, const char *option, const char *value)
{
	struct error err = {};

	if (target_set(t, option, value, &err) != 0)
		fail_msg("%s=%s: %s", option, value ? value : "", err.text);
}

static void test_defaults(void **state _unused_)
{
	_cleanup_target_ struct target t;

	target_init(&t);
	assert_int_equal(t.tls, TLS_MODE_OFF);
	assert_int_equal(t.tls_auth, TLS_AUTH_X509);
	assert_true(t.tls_verify_peer);
	assert_false(t.tls_ignore_not_before);
	assert_int_equal(t.device, -1);
	assert_int_equal(t.connections, 1);
	assert_int_equal(t.data_path, DATA_PATH_AUTO);
	assert_int_equal(t.block_size, 0);
	assert_false(t.read_only);
	assert_false(t.exclusive);
	assert_int_equal(t.connect_timeout, 30 * USEC_PER_SEC);
	assert_int_equal(t.io_timeout, 30 * USEC_PER_SEC);
	assert_int_equal(t.reconnect_timeout, 300 * USEC_PER_SEC);
	assert_null(target_tls_name(&t));
}

static void test_strings(void **state _unused_)
{
	static const struct {
		const char *option;
		size_t offset;
	} rows[] = {
		{"name", offsetof(struct target, name)},
		{"tls-ca", offsetof(struct target, tls_ca)},
		{"tls-cert", offsetof(struct target, tls_cert)},
		{"tls-key", offsetof(struct target, tls_key)},
		{"tls-psk-file", offsetof(struct target, tls_psk_file)},
		{"tls-username", offsetof(struct target, tls_username)},
		{"tls-hostname", offsetof(struct target, tls_hostname)},
		{"tls-priority", offsetof(struct target, tls_priority)},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		char **slot;

		target_init(&t);
		set(&t, rows[i].option, "first");
		set(&t, rows[i].option, "last");
		slot = (char **)((char *)&t + rows[i].offset);
		assert_string_equal(*slot, "last");
		assert_int_equal(target_set(&t, rows[i].option, "", NULL), -EINVAL);
		assert_string_equal(*slot, "last");
	}
}

static void test_values(void **state _unused_)
{
	_cleanup_target_ struct target t;

	target_init(&t);
	set(&t, "device", "/dev/nbd5");
	assert_int_equal(t.device, 5);
	set(&t, "read-only", NULL);
	assert_true(t.read_only);
	set(&t, "read-only", "no");
	assert_false(t.read_only);
	set(&t, "exclusive", NULL);
	assert_true(t.exclusive);
	set(&t, "connections", "16");
	assert_int_equal(t.connections, 16);
	set(&t, "connections", "auto");
	assert_int_equal(t.connections, 0);
	set(&t, "tls", "prefer");
	assert_int_equal(t.tls, TLS_MODE_PREFER);
	set(&t, "tls", "require");
	assert_int_equal(t.tls, TLS_MODE_REQUIRE);
	set(&t, "tls", "off");
	assert_int_equal(t.tls, TLS_MODE_OFF);
	set(&t, "tls-type", "anon");
	assert_int_equal(t.tls_auth, TLS_AUTH_ANON);
	assert_true(t.tls_auth_set);
	set(&t, "tls-verify-peer", "0");
	assert_false(t.tls_verify_peer);
	set(&t, "data-path", "kernel");
	assert_int_equal(t.data_path, DATA_PATH_KERNEL);
	set(&t, "data-path", "relay");
	assert_int_equal(t.data_path, DATA_PATH_RELAY);
	set(&t, "connect-timeout", "1ms");
	assert_int_equal(t.connect_timeout, USEC_PER_MSEC);
	set(&t, "io-timeout", "1h");
	assert_int_equal(t.io_timeout, 3600 * USEC_PER_SEC);
	set(&t, "reconnect-timeout", "infinity");
	assert_true(t.reconnect_timeout == USEC_INFINITY);
	set(&t, "reconnect-timeout", "0");
	assert_int_equal(t.reconnect_timeout, 0);
	set(&t, "block-size", "512");
	assert_int_equal(t.block_size, 512);
	set(&t, "block-size", "64K");
	assert_int_equal(t.block_size, 65536);
}

static void test_bad_values(void **state _unused_)
{
	static const struct {
		const char *option, *value, *reason;
	} rows[] = {
		{"device", "sda", "device: \"sda\" is not a device such as /dev/nbd0"},
		{"device", "", "device"},
		{"device", NULL, "device needs a value"},
		{"name", ".hidden", "not starting"},
		{"name", "a/b", "a name"},
		{"read-only", "maybe", "yes or no"},
		{"read-only", "", "yes or no"},
		{"connections", "0", "from 1 to 16"},
		{"connections", "17", "from 1 to 16"},
		{"connections", "-1", "from 1 to 16"},
		{"tls", "on", "require, prefer or off"},
		{"tls", "", "require, prefer or off"},
		{"tls-type", "X509", "x509, psk or anon"},
		{"tls-verify-peer", NULL, "needs a value"},
		{"tls-ca", NULL, "needs a value"},
		{"data-path", "user", "auto, kernel or relay"},
		{"connect-timeout", "0", "up to 1h"},
		{"connect-timeout", "3601", "up to 1h"},
		{"connect-timeout", "infinity", "up to 1h"},
		{"connect-timeout", "soon", "\"soon\" is not a time"},
		{"io-timeout", "999ms", "from 1s"},
		{"io-timeout", "61min", "to 1h"},
		{"io-timeout", "infinity", "to 1h"},
		{"reconnect-timeout", "-1", "a time"},
		{"reconnect-timeout", "99999999999999999999", "a time"},
		{"block-size", "256", "power of two"},
		{"block-size", "1000", "power of two"},
		{"block-size", "128K", "power of two"},
		{"block-size", "0", "power of two"},
		{"data-path", "a\n\"b\"", "\"a??b?\""},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		struct error err = {};
		int r;

		target_init(&t);
		r = target_set(&t, rows[i].option, rows[i].value, &err);
		if (r != -EINVAL || err.fault != FAULT_USAGE ||
			!strstr(err.text, rows[i].reason))
			fail_msg("row %zu: %d, fault %d: %s", i, r, err.fault, err.text);
	}
}

static void test_unknown(void **state _unused_)
{
	static const char *const rows[] = {
		"", "uri", "socket", "Name", "tls-", "tls_ca", "--name", "na\x1bme"};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		struct error err = {};

		target_init(&t);
		assert_int_equal(target_set(&t, rows[i], "x", &err), -ENOENT);
		assert_int_equal(err.fault, FAULT_USAGE);
		assert_non_null(strstr(err.text, "unknown option \""));
		assert_null(strchr(err.text, '\x1b'));
	}
}

/* Each option can be set by its name, and only a flag does without a value. */
static void test_option_names(void **state _unused_)
{
	static const struct {
		const char *name;
		bool flag;
	} rows[] = {
#define OPTION_ANY(field, word, place, value, ...) {word, !(value)[0]},
#include "target/options.def"
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;

		target_init(&t);
		assert_int_equal(target_set(&t, rows[i].name, NULL, NULL),
			rows[i].flag ? 0 : -EINVAL);
	}
}

static void test_nbds_means_tls(void **state _unused_)
{
	static const struct {
		const char *uri, *mode;
		int r;
	} rows[] = {
		{"nbds://h", "require", 0},
		{"nbds://h", "prefer", -EINVAL},
		{"nbds://h", "off", -EINVAL},
		{"NBDS+unix:///?socket=/s", "off", -EINVAL},
		{"nbd://h", "prefer", 0},
		{"nbd://h", "off", 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		struct error err = {};

		target_init(&t);
		assert_int_equal(target_parse_uri(&t, rows[i].uri, NULL), 0);
		assert_int_equal(target_set(&t, "tls", rows[i].mode, &err), rows[i].r);
		if (rows[i].r < 0) {
			assert_int_equal(t.tls, TLS_MODE_REQUIRE);
			assert_non_null(strstr(err.text, "TLS or nothing"));
		}
	}
}

/* A URI and up to four options; the reason why they do not fit, or NULL. */
static const struct {
	const char *uri;
	const char *options[4][2];
	const char *reason;
} checks[] = {
	{"nbd://h", {}, NULL},
	{"nbds://h", {}, NULL},
	{"nbd+unix:///?socket=/s", {}, NULL},
	{"nbd+vsock://2", {}, NULL},
	{"nbd://h", {{"connections", "8"}, {"data-path", "kernel"}}, NULL},
	{NULL, {}, "no server given"},

	/* TLS options without TLS */
	{"nbd://h", {{"tls-ca", "/f"}}, "tls-ca is given but TLS is off: use nbds://"},
	{"nbd://h", {{"tls-cert", "/f"}}, "tls-cert is given but TLS is off"},
	{"nbd://h", {{"tls-key", "/f"}}, "tls-key is given but TLS is off"},
	{"nbd://h", {{"tls-psk-file", "/f"}}, "tls-psk-file is given but TLS is off"},
	{"nbd://h", {{"tls-hostname", "n"}}, "tls-hostname is given but TLS is off"},
	{"nbd://h", {{"tls-priority", "p"}}, "tls-priority is given but TLS is off"},
	{"nbd://h", {{"tls-type", "x509"}}, "tls-type is given but TLS is off"},
	{"nbd://h", {{"tls-verify-peer", "0"}},
		"tls-verify-peer is given but TLS is off"},
	{"nbd://h", {{"tls-ignore-not-before", NULL}},
		"tls-ignore-not-before is given but TLS is off"},
	{"nbd://u@h", {}, "user@"},
	{"nbd://h", {{"tls-ca", "/f"}, {"tls", "off"}}, "TLS is off"},
	{"nbd://h", {{"tls-ca", "/f"}, {"tls", "prefer"}}, NULL},
	{"nbd://h?tls-certificates=/nowhere", {}, "tls-ca is given but TLS is off"},
	{"nbd://h?tls-certificates=/nowhere", {{"tls", "require"}}, NULL},

	/* certificates */
	{"nbds://h", {{"tls-ca", "/f"}}, NULL},
	{"nbds://h", {{"tls-cert", "/f"}, {"tls-key", "/k"}}, NULL},
	{"nbds://h", {{"tls-cert", "/f"}}, "give tls-key"},
	{"nbds://h", {{"tls-key", "/f"}}, "give tls-cert"},
	{"nbds://h", {{"tls-ignore-not-before", NULL}}, NULL},
	{"nbds://h", {{"tls-ignore-not-before", NULL}, {"tls-verify-peer", "0"}},
		"a certificate that is verified"},
	{"nbds://h", {{"tls-ignore-not-before", NULL}, {"tls-psk-file", "/f"}},
		"a certificate that is verified"},
	{"nbds+unix:///?socket=/s", {}, "give tls-hostname"},
	{"nbds+vsock://2", {}, "give tls-hostname"},
	{"nbds://h", {{"tls-hostname", "."}}, "give tls-hostname"},
	{"nbds+unix:///?socket=/s", {{"tls-hostname", "n"}}, NULL},
	{"nbds+unix:///?socket=/s", {{"tls-verify-peer", "0"}}, NULL},

	/* pre-shared keys */
	{"nbds://h", {{"tls-psk-file", "/f"}}, NULL},
	{"nbds://u@h", {{"tls-psk-file", "/f"}, {"tls-type", "psk"}}, NULL},
	{"nbds+unix:///?socket=/s", {{"tls-psk-file", "/f"}}, NULL},
	{"nbds://h", {{"tls-psk-file", "credential:psk"}}, NULL},
	{"nbds://h", {{"tls-psk-file", "credential:"}}, "a credential's name"},
	{"nbds://h", {{"tls-ca", "pkcs11:model=p11-kit-trust"}}, "only files can be used"},
	{"nbds://h", {{"tls-ca", "PKCS11:"}}, "only files can be used"},
	{"nbds://h", {{"tls-ca", "./pkcs11:"}}, NULL},
	{"nbds://h", {{"tls-cert", "/c"}, {"tls-key", "tpmkey:file=k"}},
		"only files can be used"},
	{"nbds://h", {{"tls-psk-file", "credential:../psk"}}, "a credential's name"},
	{"nbds://h", {{"tls-type", "psk"}}, "give tls-psk-file"},
	{"nbds://h", {{"tls-psk-file", "/f"}, {"tls-type", "x509"}}, "tls-type=psk only"},
	{"nbds://h", {{"tls-psk-file", "/f"}, {"tls-ca", "/c"}}, "exclude each other"},
	{"nbds://h", {{"tls-psk-file", "/f"}, {"tls-cert", "/c"}, {"tls-key", "/k"}},
		"exclude each other"},

	/* nobody */
	{"nbds://h", {{"tls-type", "anon"}}, "cannot be verified"},
	{"nbds://h", {{"tls-type", "anon"}, {"tls-verify-peer", "0"}}, NULL},
	{"nbds+unix:///?socket=/s", {{"tls-type", "anon"}, {"tls-verify-peer", "no"}},
		NULL},
	{"nbds://h", {{"tls-type", "anon"}, {"tls-verify-peer", "0"}, {"tls-ca", "/f"}},
		"no certificates"},
	{"nbds://h", {{"tls-type", "anon"}, {"tls-psk-file", "/f"}}, "tls-type=psk only"},
};

static void test_check(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
		_cleanup_target_ struct target t;
		struct error err = {};
		int r;

		target_init(&t);
		if (checks[i].uri)
			assert_int_equal(target_parse_uri(&t, checks[i].uri, NULL), 0);
		for (size_t n = 0; n < 4 && checks[i].options[n][0]; n++)
			set(&t, checks[i].options[n][0], checks[i].options[n][1]);
		r = target_check(&t, &err);
		if (!checks[i].reason && r != 0)
			fail_msg("row %zu: %s", i, err.text);
		if (checks[i].reason &&
			(r != -EINVAL || err.fault != FAULT_USAGE ||
				!strstr(err.text, checks[i].reason)))
			fail_msg("row %zu: %d, fault %d: %s", i, r, err.fault, err.text);
	}
}

static void test_psk_is_derived(void **state _unused_)
{
	_cleanup_target_ struct target t;

	target_init(&t);
	assert_int_equal(target_parse_uri(&t, "nbds://h?tls-psk-file=/f", NULL), 0);
	assert_int_equal(t.tls_auth, TLS_AUTH_X509);
	assert_int_equal(target_check(&t, NULL), 0);
	assert_int_equal(t.tls_auth, TLS_AUTH_PSK);
	assert_int_equal(target_check(&t, NULL), 0);
}

static void test_options_override_uri(void **state _unused_)
{
	_cleanup_target_ struct target t;

	target_init(&t);
	assert_int_equal(target_parse_uri(&t, "nbds://h?tls-hostname=a", NULL), 0);
	set(&t, "tls-hostname", "b");
	assert_string_equal(target_tls_name(&t), "b");
}

static void test_names(void **state _unused_)
{
	static const char *const valid[] = {
		"a", "0", "_", "disk", "a.b-c_D9", "a..b", "a-", NAME_64};
	static const char *const invalid[] = {"", ".", "..", "-", "-a", ".a", "a/b",
		"a b", "a\n", "a:b", "\xc3\xa4", NAME_64 "x"};

	for (size_t i = 0; i < ELEMENTSOF(valid); i++)
		assert_true(target_name_is_valid(valid[i]));
	for (size_t i = 0; i < ELEMENTSOF(invalid); i++)
		assert_false(target_name_is_valid(invalid[i]));
}

static void test_derived_names(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"", "disk"},
		{"root", "root"},
		{"/dev/vg/root", "devvgroot"},
		{"my disk", "mydisk"},
		{"..", "disk"},
		{"../etc", "etc"},
		{"--force", "force"},
		{"nbd1", "disk"},
		{"nbd1p1", "nbd1p1"},
		{"a.b-c_d", "a.b-c_d"},
		{"\xc3\xa4\xc3\xb6", "disk"},
		{"\n", "disk"},
		{NAME_64, NAME_64},
		{"/" NAME_64 "cut", NAME_64},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		char name[NBD_NAME_MAX + 1];

		target_init(&t);
		t.export_name = strdup(rows[i][0]);
		assert_non_null(t.export_name);
		target_derive_name(&t, name);
		assert_string_equal(name, rows[i][1]);
		assert_true(target_name_is_valid(name));
	}
}

static void test_devices(void **state _unused_)
{
	static const struct {
		const char *text;
		int index; /* -1: not a device */
	} rows[] = {
		{"/dev/nbd0", 0},
		{"nbd0", 0},
		{"/dev/nbd15", 15},
		{"nbd32767", 32767},
		{"nbd32768", -1},
		{"nbd99999999999999999999", -1},
		{"nbd", -1},
		{"nbd00", -1},
		{"nbd01", -1},
		{"nbd1p1", -1},
		{"nbd-1", -1},
		{"nbd 1", -1},
		{"nbd1 ", -1},
		{"", -1},
		{"/dev/", -1},
		{"/dev/sda", -1},
		{"dev/nbd1", -1},
		{"/dev//nbd1", -1},
		{"/dev/nbd/1", -1},
		{"1", -1},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		unsigned index = 4711;
		int r = target_parse_device(rows[i].text, &index);

		assert_int_equal(r, rows[i].index < 0 ? -EINVAL : 0);
		assert_int_equal(index, rows[i].index < 0 ? 4711 : rows[i].index);
	}
}

static void test_random_values(void **state _unused_)
{
	static const char *const options[] = {"name", "device", "read-only",
		"connections", "tls", "tls-type", "tls-verify-peer", "tls-ca",
		"data-path", "block-size", "connect-timeout", "io-timeout",
		"reconnect-timeout"};

	srandom(4);
	for (int round = 0; round < 50000; round++) {
		const char *option = options[(size_t)random() % ELEMENTSOF(options)];
		_cleanup_target_ struct target t;
		_cleanup_free_ char *value = NULL;
		struct error err = {};
		char text[24];

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (char)(random() % 2 ? '0' + random() % 10 : random());
		value = strndup(text, (size_t)random() % sizeof(text));
		assert_non_null(value);
		target_init(&t);
		if (target_set(&t, option, value, &err) < 0)
			assert_true(err.text[0]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_option_names),
		cmocka_unit_test(test_nbds_means_tls),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_psk_is_derived),
		cmocka_unit_test(test_options_override_uri),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_derived_names),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_random_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
