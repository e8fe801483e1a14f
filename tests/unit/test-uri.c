/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "target/target.h"

#define UNIX    "nbd+unix:///x?socket="
#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

struct good {
	const char *uri;
	const char *server; /* as target_server() shows it */
	const char *export_name;
	const char *tls_name;
};

static const struct good good[] = {
	/* the specification's own examples */
	{"nbd://example.com/disk", "example.com:10809", "disk", "example.com"},
	{"nbd+unix:///disk?socket=sock", "unix:sock", "disk", NULL},
	{"nbd://example.com/", "example.com:10809", "", "example.com"},
	{"nbd://example.com", "example.com:10809", "", "example.com"},
	{"nbd://example.com//disk", "example.com:10809", "/disk", "example.com"},
	{"nbd://example.com/hello%20world", "example.com:10809", "hello world",
		"example.com"},
	{"nbd://example.com:10809/export", "example.com:10809", "export", "example.com"},
	{"nbd+unix:///?socket=%00/abstract", "unix:@/abstract", "", NULL},

	/* schemes */
	{"nbds://h/x", "h:10809", "x", "h"},
	{"NBDS://h/x", "h:10809", "x", "h"},
	{"Nbd+Unix:///x?socket=/s", "unix:/s", "x", NULL},
	{"nbds+unix:///x?socket=/s", "unix:/s", "x", NULL},
	{"nbd+vsock://3/x", "vsock:3:10809", "x", NULL},
	{"nbds+vsock://3/x", "vsock:3:10809", "x", NULL},

	/* hosts */
	{"nbd:///x", "localhost:10809", "x", "localhost"},
	{"nbd://", "localhost:10809", "", "localhost"},
	{"nbd://:1234", "localhost:1234", "", "localhost"},
	{"nbd://192.0.2.1/x", "192.0.2.1:10809", "x", "192.0.2.1"},
	{"nbd://[2001:db8::1]/x", "[2001:db8::1]:10809", "x", "2001:db8::1"},
	{"nbd://[::1]:5/x", "[::1]:5", "x", "::1"},
	{"nbd://[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]:10809", "", "::ffff:192.0.2.1"},
	{"nbd://[fe80::1%25eth0]:7/x", "[fe80::1%eth0]:7", "x", "fe80::1"},
	{"nbd://[fe80::1%eth0]:7/x", "[fe80::1%eth0]:7", "x", "fe80::1"},
	{"nbd://[fe80::1%2]/x", "[fe80::1%2]:10809", "x", "fe80::1"},
	{"nbd://[fe80::1%252]/x", "[fe80::1%2]:10809", "x", "fe80::1"},
	{"nbd://[fe80::1%25br%2Dlan]", "[fe80::1%br-lan]:10809", "", "fe80::1"},
	{"nbd://me@[fe80::1%25eth0]", "[fe80::1%eth0]:10809", "", "fe80::1"},
	{"nbd://ex%61mple.com", "example.com:10809", "", "example.com"},
	{"nbd://%C3%A4.example", "\xc3\xa4.example:10809", "", "\xc3\xa4.example"},
	{"nbd://my_host", "my_host:10809", "", "my_host"},

	/* ports */
	{"nbd://h:/x", "h:10809", "x", "h"},
	{"nbd://h:1", "h:1", "", "h"},
	{"nbd://h:65535", "h:65535", "", "h"},
	{"nbd://h:0080", "h:80", "", "h"},

	/* users */
	{"nbds://alice@h/x", "h:10809", "x", "h"},
	{"nbds://al%40ice%3A@h/x", "h:10809", "x", "h"},
	{"nbds+unix://alice@/?socket=/s", "unix:/s", "", NULL},
	{"nbds://h/?tls-username=bob", "h:10809", "", "h"},

	/* export names */
	{"nbd://h///", "h:10809", "//", "h"},
	{"nbd://h/a//b/", "h:10809", "a//b/", "h"},
	{"nbd://h/a/../b/./c", "h:10809", "a/../b/./c", "h"},
	{"nbd://h/%2Fdisk", "h:10809", "/disk", "h"},
	{"nbd://h/a:b@c", "h:10809", "a:b@c", "h"},
	{"nbd://h/a+b;c=d&e", "h:10809", "a+b;c=d&e", "h"},
	{"nbd://h/a%3Fb%23c%25", "h:10809", "a?b#c%", "h"},
	{"nbd://h/%E2%82%AC", "h:10809", "\xe2\x82\xac", "h"},
	{"nbd://h/a%0Ab", "h:10809", "a\nb", "h"},
	{"nbd://h/x?", "h:10809", "x", "h"},
	{"nbd://h?", "h:10809", "", "h"},
	{"nbd://h/http://other/", "h:10809", "http://other/", "h"},

	/* sockets */
	{UNIX "/run/nbd.sock", "unix:/run/nbd.sock", "x", NULL},
	{UNIX "./s", "unix:./s", "x", NULL},
	{UNIX "/a+b", "unix:/a+b", "x", NULL},
	{UNIX "/a%20b%26c", "unix:/a b&c", "x", NULL},
	{UNIX "/a=b", "unix:/a=b", "x", NULL},
	{UNIX "/a?b/c", "unix:/a?b/c", "x", NULL},
	{UNIX "/s&", "unix:/s", "x", NULL},
	{"nbd+unix:///x?&&socket=/s", "unix:/s", "x", NULL},
	{"nbd+unix:///x?%73ocket=/s", "unix:/s", "x", NULL},
	{"nbd+unix://?socket=/s", "unix:/s", "", NULL},
	{"nbd+unix:////x?socket=/s", "unix:/s", "/x", NULL},
	{UNIX "/" HUNDRED "123456", "unix:/" HUNDRED "123456", "x", NULL},
	{UNIX "%00" HUNDRED "1234567", "unix:@" HUNDRED "1234567", "x", NULL},
	{UNIX "/a%0Ab", "unix:/a b", "x", NULL},

	/* vsock */
	{"nbd+vsock:///", "vsock:2:10809", "", NULL},
	{"nbd+vsock://", "vsock:2:10809", "", NULL},
	{"nbd+vsock://1:4294967294/x", "vsock:1:4294967294", "x", NULL},
	{"nbd+vsock://4294967294", "vsock:4294967294:10809", "", NULL},
	{"nbd+vsock://:5", "vsock:2:5", "", NULL},

	/* queries */
	{"nbds://h/x?tls-verify-peer=0;tls-hostname=n", "h:10809", "x", "n"},
	{"nbds://h/x?tls-hostname=a%2Eb", "h:10809", "x", "a.b"},
};

static void test_good(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		const struct good *g = &good[i];
		_cleanup_target_ struct target t;
		_cleanup_free_ char *server = NULL;
		struct error err = {};
		bool tls;

		target_init(&t);
		if (target_parse_uri(&t, g->uri, &err) < 0)
			fail_msg("%s: %s", g->uri, err.text);
		server = target_server(&t);
		assert_string_equal(server, g->server);
		assert_string_equal(t.export_name, g->export_name);
		assert_string_equal(t.uri, g->uri);
		tls = strncasecmp(g->uri, "nbds", 4) == 0;
		assert_int_equal(t.tls, tls ? TLS_MODE_REQUIRE : TLS_MODE_OFF);
		if (g->tls_name)
			assert_string_equal(target_tls_name(&t), g->tls_name);
		else
			assert_null(target_tls_name(&t));
		if (tls && g->tls_name && target_check(&t, &err) < 0)
			fail_msg("%s: %s", g->uri, err.text);
	}
}

static void test_users(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"nbd://h", NULL},
		{"nbd://me@[fe80::1%25eth0]", "me"},
		{"nbds://alice@h/x", "alice"},
		{"nbds://al%40ice%3A@h/x", "al@ice:"},
		{"nbds+unix://alice@/?socket=/s", "alice"},
		{"nbds://h/?tls-username=bob", "bob"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;

		target_init(&t);
		assert_int_equal(target_parse_uri(&t, rows[i][0], NULL), 0);
		if (rows[i][1])
			assert_string_equal(t.tls_username, rows[i][1]);
		else
			assert_null(t.tls_username);
	}
}

/* A URI that is not one, and words that the reason must have. */
static const char *const bad[][2] = {
	/* no URI at all */
	{"", "empty"},
	{"nbd", "not an NBD URI"},
	{"nbd:", "not an NBD URI"},
	{"nbd:h", "not an NBD URI"},
	{"nbd:/x", "not an NBD URI"},
	{"//h/x", "not an NBD URI"},
	{"/dev/nbd0", "not an NBD URI"},
	{"h:10809", "not an NBD URI"},
	{"192.0.2.1:10809", "not an NBD URI"},
	{"http://h/x", "scheme \"http\""},
	{"nbdx://h/x", "scheme \"nbdx\""},
	{"nbd+tcp://h/x", "scheme \"nbd+tcp\""},
	{"://h/x", "scheme \"\""},

	/* characters */
	{"nbd://h/a b", "byte 10 of the URI is a space: write %20"},
	{"nbd://h/a\tb", "control character: write %09"},
	{"nbd://h/x\n", "control character"},
	{"nbd://h/\x7f", "control character"},
	{"nbd://h/\xc3\xa4", "not ASCII: write %C3"},
	{"nbd://h/a\"b", "malformed at byte 10"},
	{"nbd://h/a<b", "malformed"},
	{"nbd://h/a\\b", "malformed"},
	{"nbd://h/a[b", "malformed"},
	{"nbd://h/%", "malformed"},
	{"nbd://h/%4", "malformed"},
	{"nbd://h/%zz", "malformed"},
	{"nbd://h%zz/", "malformed"},
	{"nbd://h/x?tls-hostname=%g0", "malformed"},
	{"nbd://h/x#f", "fragment"},
	{"nbd://h/x#", "fragment"},

	/* hosts */
	{"nbd://[::1", "malformed"},
	{"nbd://::1/x", "malformed"},
	{"nbd://[]/x", "malformed"},
	{"nbd://[h]/x", "malformed"},
	{"nbd://[1.2.3.4]/x", "malformed"},
	{"nbd://[:::]/x", "malformed"},
	{"nbd://[1:2:3:4:5:6:7:8:9]", "malformed"},
	{"nbd://[v1.x]", "unknown kind"},
	{"nbd://[v1.x%25eth0]", "unknown kind"},
	{"nbd://[%25eth0]", "malformed"},
	{"nbd://[fe80::1%25]", "zone"},
	{"nbd://[fe80::1%]", "zone"},
	{"nbd://[fe80::1%25a%2Fb]", "zone"},
	{"nbd://[fe80::1%25a%20b]", "zone"},
	{"nbd://[fe80::1%25a%00b]", "zone"},
	{"nbd://[fe80::1%eth0%eth1]", "zone"},
	{"nbd://[fe80::1%250123456789abcdef]", "zone"},
	{"nbd://[fe80::1%25eth0]x", "malformed at byte 23"},
	{"nbd://h%00x/", "neither a name nor an address"},
	{"nbd://h%20x/", "neither a name nor an address"},
	{"nbd://a%2Fb/", "neither a name nor an address"},
	{"nbd://fe80%3A%3A1/", "neither a name nor an address"},
	{"nbd://%ff/", "neither a name nor an address"},
	{"nbd://a@b@c/", "malformed"},

	/* ports */
	{"nbd://h:0/x", "port"},
	{"nbd://h:65536/x", "port"},
	{"nbd://h:99999999999999999999/x", "port"},
	{"nbd://h:http/x", "malformed"},
	{"nbd://h:-1/x", "malformed"},

	/* users */
	{"nbds://alice:hunter2@h/x", "password"},
	{"nbds://alice:@h/x", "password"},
	{"nbds://:@h/x", "password"},
	{"nbds://@h/x", "no value for \"tls-username\""},
	{"nbds://a%00b@h/x", "NUL byte in \"tls-username\""},
	{"nbds://alice@h/x?tls-username=bob", "more than one parameter \"tls-username\""},

	/* export names */
	{"nbd://h/a%00b", "NUL"},
	{"nbd://h/%00", "NUL"},
	{"nbd://h/%ff", "UTF-8"},
	{"nbd://h/%C3", "UTF-8"},
	{"nbd://h/%ED%A0%80", "UTF-8"},

	/* sockets */
	{"nbd+unix:///x", "no socket="},
	{"nbds+unix:///x?tls-hostname=h", "no socket="},
	{"nbd+unix:///x?socket", "no value for \"socket\""},
	{"nbd+unix:///x?socket=", "no value for \"socket\""},
	{"nbd+unix:///x?socket=/a&socket=/b", "more than one parameter \"socket\""},
	{"nbd+unix:///x?Socket=/a", "unknown parameter \"Socket\""},
	{"nbd+unix://h/x?socket=/s", "a host"},
	{"nbd+unix://:1/x?socket=/s", "a host"},
	{"nbd+unix://alice@h/x?socket=/s", "a host"},
	{"nbd+unix://[::1]/x?socket=/s", "a host"},
	{UNIX "/a%00b", "neither a path nor"},
	{UNIX "%00", "neither a path nor"},
	{UNIX "%00a%00", "neither a path nor"},
	{UNIX "/" HUNDRED "1234567", "108 bytes: at most 107"},
	{UNIX "%00" HUNDRED "12345678", "109 bytes: at most 108"},
	{"nbd://h/x?socket=/s", "nbd+unix"},
	{"nbds+vsock://2/x?socket=/s", "nbd+unix"},

	/* vsock */
	{"nbd+vsock://0/", "CID"},
	{"nbd+vsock://4294967295/", "CID"},
	{"nbd+vsock://99999999999999999999/", "CID"},
	{"nbd+vsock://h/", "CID"},
	{"nbd+vsock://2x/", "CID"},
	{"nbd+vsock://%32/", "CID"},
	{"nbd+vsock://[::1]/", "CID"},
	{"nbd+vsock://2:4294967295/", "port"},
	{"nbd+vsock://2:x/", "malformed"},

	/* queries */
	{"nbd://h/x?foo=1", "unknown parameter \"foo\""},
	{"nbd://h/x?foo", "unknown parameter \"foo\""},
	{"nbd://h/x?=1", "unknown parameter \"\""},
	{"nbd://h/x?x%0A%22=1", "unknown parameter \"x??\""},
	{"nbd://h/x?socket%00=1", "unknown parameter \"socket?\""},
	{"nbd+unix:///x?socket=/a;b", "unknown parameter \"b\""},
	{"nbds://h/x?tls-priority=NORMAL", "unknown parameter \"tls-priority\""},
	{"nbds://h/x?tls-ca=/f", "unknown parameter \"tls-ca\""},
	{"nbds://h/x?name=n", "unknown parameter \"name\""},
	{"nbds://h/x?tls-type=x509&tls-type=psk", "more than one parameter \"tls-type\""},
	{"nbds://h/x?tls-type=foo", "tls-type: \"foo\" is not x509, psk or anon"},
	{"nbds://h/x?tls-verify-peer=maybe", "tls-verify-peer: \"maybe\" is not"},
	{"nbds://h/x?tls-verify-peer", "no value for \"tls-verify-peer\""},
	{"nbds://h/x?tls-hostname=", "no value for \"tls-hostname\""},
	{"nbds://h/x?tls-hostname=%00", "NUL byte in \"tls-hostname\""},
	{"nbds://h/x?tls-psk-file=/a%00b", "NUL byte in \"tls-psk-file\""},
	{"nbds://h/x?tls-certificates=", "no value for \"tls-certificates\""},
};

static void test_bad(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		_cleanup_target_ struct target t, silent;
		struct error err = {};
		int r;

		target_init(&t);
		target_init(&silent);
		r = target_parse_uri(&t, bad[i][0], &err);
		if (r != -EINVAL || err.fault != FAULT_USAGE ||
			!strstr(err.text, bad[i][1]) || strstr(err.text, "hunter2"))
			fail_msg("%s: %d, fault %d: %s", bad[i][0], r, err.fault,
				err.text);
		assert_int_equal(target_parse_uri(&silent, bad[i][0], NULL), -EINVAL);
	}
}

static void test_lengths(void **state _unused_)
{
	static const struct {
		const char *start;
		size_t size;
		int r;
	} rows[] = {
		{"nbd://h/", 8 + NBD_STRING_MAX, 0},
		{"nbd://h/", 8 + NBD_STRING_MAX + 1, -EINVAL},
		{"nbds://h/?tls-psk-file=", 8192, 0},
		{"nbds://h/?tls-psk-file=", 8193, -EINVAL},
		{"nbd://", 6 + 255, 0},
		{"nbd://", 6 + 256, -EINVAL},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char uri[8193 + 1] = "";
		_cleanup_target_ struct target t;

		memset(uri, 'a', rows[i].size);
		memcpy(uri, rows[i].start, strlen(rows[i].start));
		target_init(&t);
		if (target_parse_uri(&t, uri, NULL) != rows[i].r)
			fail_msg("row %zu", i);
	}
}

static void test_fields(void **state _unused_)
{
	_cleanup_target_ struct target abstract, psk;

	target_init(&abstract);
	assert_int_equal(target_parse_uri(&abstract, UNIX "%00name", NULL), 0);
	assert_int_equal(abstract.socket_size, 5);
	assert_memory_equal(abstract.socket, "\0name", 5);

	target_init(&psk);
	assert_int_equal(
		target_parse_uri(&psk, "nbds://h?tls-psk-file=/a+b&tls-type=psk", NULL),
		0);
	assert_int_equal(psk.tls_auth, TLS_AUTH_PSK);
	assert_true(psk.tls_auth_set);
	assert_true(psk.tls_verify_peer);
	assert_string_equal(psk.tls_psk_file, "/a+b");
}

static void parse_certificates(struct target *t, const char *folder)
{
	_cleanup_free_ char *uri = NULL;

	assert_true(asprintf(&uri, "nbds://h/x?tls-certificates=%s", folder) > 0);
	target_init(t);
	assert_int_equal(target_parse_uri(t, uri, NULL), 0);
	assert_memory_equal(t->tls_ca, folder, strlen(folder));
	assert_string_equal(t->tls_ca + strlen(folder), "/ca-cert.pem");
}

/* The client's certificate is used when it or its key is there: one is a mistake to
 * report. */
static void test_certificates(void **state _unused_)
{
	char folder[] = "/tmp/test-uri-XXXXXX";
	_cleanup_target_ struct target neither, one, both;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	parse_certificates(&neither, folder);
	assert_int_equal(close(creat("client-cert.pem", 0600)), 0);
	parse_certificates(&one, folder);
	assert_int_equal(close(creat("client-key.pem", 0600)), 0);
	parse_certificates(&both, folder);
	assert_int_equal(unlink("client-cert.pem"), 0);
	assert_int_equal(unlink("client-key.pem"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);

	assert_null(neither.tls_cert);
	assert_null(neither.tls_key);
	assert_non_null(one.tls_cert);
	assert_non_null(one.tls_key);
	assert_string_equal(both.tls_cert + strlen(folder), "/client-cert.pem");
	assert_string_equal(both.tls_key + strlen(folder), "/client-key.pem");
}

/* Parses a copy of exactly that size, for the address sanitizer; a target must be valid.
 */
static void parse_anything(const char *text, size_t size)
{
	_cleanup_free_ char *copy = strndup(text, size);
	_cleanup_free_ char *server = NULL;
	_cleanup_target_ struct target t;
	struct error err = {};
	char name[NBD_NAME_MAX + 1];

	assert_non_null(copy);
	target_init(&t);
	if (target_parse_uri(&t, copy, &err) < 0) {
		assert_int_equal(err.fault, FAULT_USAGE);
		assert_true(err.text[0]);
		return;
	}
	server = target_server(&t);
	assert_non_null(server);
	assert_non_null(t.export_name);
	target_derive_name(&t, name);
	assert_true(target_name_is_valid(name));
	(void)target_check(&t, &err);
}

static void truncate_uri(const char *uri)
{
	for (size_t size = 0; size <= strlen(uri); size++)
		parse_anything(uri, size);
}

static void test_truncated(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(good); i++)
		truncate_uri(good[i].uri);
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		truncate_uri(bad[i][0]);
}

/* Good URIs with a few bytes changed: mostly to those that mean something. */
static void test_mutated(void **state _unused_)
{
	static const char special[] = "%%%[]:/?#@&;=+0259aA";

	srandom(2);
	for (int round = 0; round < 100000; round++) {
		const char *uri = good[(size_t)random() % ELEMENTSOF(good)].uri;
		size_t size = strlen(uri);
		char text[256];

		assert_true(size < sizeof(text));
		memcpy(text, uri, size + 1);
		for (long n = 1 + random() % 4; n > 0; n--)
			text[(size_t)random() % size] = random() % 4
				? special[(size_t)random() % strlen(special)]
				: (char)random();
		parse_anything(text, size);
	}
}

static void test_random(void **state _unused_)
{
	srandom(3);
	for (int round = 0; round < 100000; round++) {
		char text[64] = "nbd://[";
		size_t start = (size_t)random() % 8;

		for (size_t i = start; i < sizeof(text); i++)
			text[i] =
				(char)(random() % 8 ? 0x21 + random() % 0x5e : random());
		parse_anything(text, sizeof(text));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
