/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A target made again from its URI, directory and settings; and whether two are alike. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "target/target.h"

#define SETTINGS_MAX 12

struct recipe {
	const char *uri;
	const char *settings[SETTINGS_MAX]; /* as on the command line */
};

static size_t count(const char *const *settings)
{
	size_t n = 0;

	while (n < SETTINGS_MAX && settings[n])
		n++;
	return n;
}

/* As the programs make it, in the working directory. */
static void make(struct target *t, const struct recipe *recipe)
{
	struct error err = {0};
	int r;

	target_init(t);
	r = target_parse_uri(t, recipe->uri, &err);
	for (size_t i = 0; r == 0 && i < count(recipe->settings); i++) {
		_cleanup_free_ char *option = strdup(recipe->settings[i]);
		char *equals;

		assert_non_null(option);
		equals = strchr(option, '=');
		if (equals)
			*equals = 0;
		r = target_set(t, option, equals ? equals + 1 : NULL, &err);
	}
	if (r == 0)
		r = target_check(t, &err);
	if (r < 0)
		fail_msg("%s: %s", recipe->uri, err.text);
}

#define PLAIN(member) FIELD(member, false)
#define TEXT(member)  FIELD(member, true)
#define FIELD(member, is_text)                                                     \
	{                                                                          \
		.name = #member, .offset = offsetof(struct target, member),        \
		.size = sizeof(((struct target *)NULL)->member), .text = (is_text) \
	}

static const struct field {
	const char *name;
	size_t offset, size;
	bool text;
} fields[] = {
	TEXT(uri),
	TEXT(directory),
	TEXT(name),
	PLAIN(transport),
	TEXT(host),
	TEXT(host_bare),
	TEXT(port),
	PLAIN(socket_size),
	PLAIN(vsock_cid),
	PLAIN(vsock_port),
	TEXT(export_name),
	PLAIN(tls),
	PLAIN(tls_auth),
	PLAIN(tls_auth_set),
	PLAIN(tls_verify_peer),
	PLAIN(tls_ignore_not_before),
	TEXT(tls_ca),
	TEXT(tls_cert),
	TEXT(tls_key),
	TEXT(tls_psk_file),
	TEXT(tls_username),
	TEXT(tls_hostname),
	TEXT(tls_priority),
	PLAIN(device),
	PLAIN(read_only),
	PLAIN(exclusive),
	PLAIN(connections),
	PLAIN(data_path),
	PLAIN(block_size),
	PLAIN(lock_memory),
	PLAIN(connect_timeout),
	PLAIN(io_timeout),
	PLAIN(reconnect_timeout),
};

static bool is_same(const struct field *f, const struct target *a, const struct target *b)
{
	const char *of_a = (const char *)a + f->offset;
	const char *of_b = (const char *)b + f->offset;
	const char *x, *y;

	if (!f->text)
		return memcmp(of_a, of_b, f->size) == 0;
	x = *(const char *const *)of_a;
	y = *(const char *const *)of_b;
	return x && y ? strcmp(x, y) == 0 : x == y;
}

static void assert_same(const struct target *a, const struct target *b)
{
	for (size_t i = 0; i < ELEMENTSOF(fields); i++)
		if (!is_same(&fields[i], a, b))
			fail_msg("%s: %s is another", a->uri, fields[i].name);
	if (a->socket)
		assert_memory_equal(a->socket, b->socket, a->socket_size);
	assert_true(target_is_same_export(a, b));
}

static const struct recipe recipes[] = {
	{"nbd://host", {}},
	{"NBD://Host:10809/my%20disk", {"name=disk", "device=nbd5"}},
	{"nbd://[fe80::1%25eth0]:1/", {"read-only", "exclusive", "lock-memory"}},
	{"nbd+unix:///disk?socket=/run/nbd", {"connections=auto", "block-size=4K"}},
	{"nbd+unix:///disk?socket=run/nbd", {"read-only=no"}},
	{"nbd+unix:///?socket=%00abstract", {"data-path=kernel"}},
	{"nbd+vsock://3:77/disk", {"connections=16"}},
	{"nbd://host", {"tls=prefer", "tls-hostname=other"}},
	{"nbds://host/a?tls-hostname=b", {"tls-hostname=c", "tls-priority=NORMAL"}},
	{"nbds://user@host/a?tls-psk-file=keys", {"tls-type=psk"}},
	{"nbds://host/a?tls-type=anon&tls-verify-peer=0", {}},
	{"nbds://host/?tls-certificates=pki", {"tls-ca=other/ca.pem"}},
	{"nbds://host/a", {"tls-ignore-not-before"}},
	{"nbds://host/",
		{"tls-ca=ca=1.pem", "tls-cert=/etc/cert.pem", "tls-key=key.pem",
			"tls-username=me", "connect-timeout=1min", "io-timeout=6s",
			"reconnect-timeout=infinity", "device=/dev/nbd0", "device=nbd9"}},
};

static void replay(struct target *t, const struct target *from)
{
	struct error err = {0};

	target_init(t);
	if (target_replay(t, from->uri, from->directory,
		    (const char *const *)from->settings, from->n_settings, &err) != 0)
		fail_msg("%s: %s", from->uri, err.text);
}

/* The same wherever the other process works, and the one after it. */
static void test_same_again(void **state _unused_)
{
	_cleanup_free_ char *here = getcwd(NULL, 0);

	assert_non_null(here);
	for (size_t i = 0; i < ELEMENTSOF(recipes); i++) {
		_cleanup_target_ struct target first, second, third;

		make(&first, &recipes[i]);
		assert_string_equal(first.directory, here);
		assert_int_equal(chdir("/"), 0);
		replay(&second, &first);
		replay(&third, &second);
		assert_int_equal(chdir(here), 0);
		assert_same(&first, &second);
		assert_same(&first, &third);
	}
}

/* The recorded settings must not grow from process to process. */
static void test_settings_stay(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(recipes); i++) {
		_cleanup_target_ struct target first, second;

		make(&first, &recipes[i]);
		replay(&second, &first);
		assert_int_equal(second.n_settings, first.n_settings);
		for (size_t n = 0; n < first.n_settings; n++)
			assert_string_equal(second.settings[n], first.settings[n]);
	}
}

static void test_anchored(void **state _unused_)
{
	static const char *const settings[] = {"tls-ca=ca.pem", "tls-cert=../cert.pem",
		"tls-key=key.pem", "tls-ca=/etc/ca.pem"};
	static const char *const key[] = {"tls-psk-file=keys.psk"};
	_cleanup_target_ struct target t, psk, path, absolute, abstract;

	target_init(&t);
	assert_int_equal(target_replay(&t, "nbds://h", "/srv", settings, 4, NULL), 0);
	assert_string_equal(t.directory, "/srv");
	assert_string_equal(t.tls_ca, "/etc/ca.pem");
	assert_string_equal(t.tls_cert, "/srv/../cert.pem");
	assert_string_equal(t.tls_key, "/srv/key.pem");

	target_init(&psk);
	assert_int_equal(target_replay(&psk, "nbds://h", "/srv/a b", key, 1, NULL), 0);
	assert_string_equal(psk.tls_psk_file, "/srv/a b/keys.psk");

	target_init(&path);
	assert_int_equal(
		target_replay(&path, "nbd+unix:///?socket=run/s", "/srv", NULL, 0, NULL),
		0);
	assert_string_equal(path.socket, "/srv/run/s");
	assert_int_equal(path.socket_size, strlen("/srv/run/s"));

	target_init(&absolute);
	assert_int_equal(target_replay(&absolute, "nbd+unix:///?socket=/srv/run/s", "/",
				 NULL, 0, NULL),
		0);
	assert_true(target_is_same_export(&path, &absolute));

	target_init(&abstract);
	assert_int_equal(target_replay(&abstract, "nbd+unix:///?socket=%00run/s", "/srv",
				 NULL, 0, NULL),
		0);
	assert_memory_equal(abstract.socket, "\0run/s", 6);
	assert_int_equal(abstract.socket_size, 6);
}

static void test_refused(void **state _unused_)
{
	static const struct {
		const char *uri, *setting;
		int r;
	} rows[] = {
		{"", "read-only", -EINVAL},
		{"host", "read-only", -EINVAL},
		{"nbd+unix:///", "read-only", -EINVAL},
		{"nbd://h", "", -ENOENT},
		{"nbd://h", "=", -ENOENT},
		{"nbd://h", "tls", -EINVAL},
		{"nbd://h", "tls=", -EINVAL},
		{"nbd://h", "unheard-of=1", -ENOENT},
		{"nbd://h", "uri=nbd://i", -ENOENT},
		{"nbd://h", "tls-ca=/f", -EINVAL}, /* TLS is off */
		{"nbds://h", "tls=off", -EINVAL},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		struct error err = {0};
		int r;

		target_init(&t);
		r = target_replay(&t, rows[i].uri, "/", &rows[i].setting, 1, &err);
		if (r != rows[i].r || err.fault != FAULT_USAGE)
			fail_msg("row %zu: %d, fault %d: %s", i, r, err.fault, err.text);
	}
}

static const struct {
	struct recipe a, b;
	bool same;
} pairs[] = {
	{{"nbd://h/a", {}}, {"nbd://h/a", {}}, true},
	{{"nbd://h/a", {}}, {"nbd://h:10809/a", {}}, true},
	{{"nbd://h", {}}, {"nbd://h/", {}}, true},
	{{"nbd://h/a%20b", {}}, {"nbd://h/%61%20b", {}}, true},
	{{"nbd://localhost/a", {}}, {"nbd:///a", {}}, true},
	{{"nbd://h/a", {}}, {"nbd://h/b", {}}, false},
	{{"nbd://h/a", {}}, {"nbd://h", {}}, false},
	{{"nbd://h/a", {}}, {"nbd://h//a", {}}, false},
	{{"nbd://h/a", {}}, {"nbd://i/a", {}}, false},
	{{"nbd://h/a", {}}, {"nbd://h:10810/a", {}}, false},
	{{"nbd://NAS/a", {}}, {"nbd://nas./a", {}}, true},
	{{"nbd://nas./a", {}}, {"nbd://nas/a", {}}, true},
	{{"nbd://nas/a", {}}, {"nbd://nas.x/a", {}}, false},
	{{"nbd://nas/A", {}}, {"nbd://nas/a", {}}, false},
	{{"nbd://[FE80::1%25a]", {}}, {"nbd://[fe80::1%25a]", {}}, true},
	{{"nbd://[fe80::1%25A]", {}}, {"nbd://[fe80::1%25a]", {}}, false},
	{{"nbd://[fe80::1%25a]", {}}, {"nbd://[fe80::1%25b]", {}}, false},
	{{"nbd://[fe80::1%25a]", {}}, {"nbd://[fe80::1%a]", {}}, true},

	/* the way it is attached does not make it another export */
	{{"nbd://h/a", {"name=x", "device=nbd1"}}, {"nbd://h/a", {"name=y"}}, true},
	{{"nbd://h/a", {"read-only", "connections=4"}}, {"nbd://h/a", {}}, true},
	{{"nbd://h/a", {"io-timeout=1min"}}, {"nbd://h/a", {"block-size=4K"}}, true},

	/* TLS or not does */
	{{"nbd://h/a", {}}, {"nbds://h/a", {}}, false},
	{{"nbd://h/a", {"tls=require"}}, {"nbds://h/a", {}}, true},
	{{"nbd://h/a", {"tls=prefer"}}, {"nbds://h/a", {}}, false},
	{{"nbd://h/a", {"tls=prefer"}}, {"nbd://h/a", {"tls=off"}}, false},
	{{"nbds://h/a", {"tls-ca=/f"}}, {"nbds://u@h/a?tls-hostname=i", {}}, true},

	{{"nbd+unix:///a?socket=/s", {}}, {"nbd+unix:///a?socket=%2Fs", {}}, true},
	{{"nbd+unix:///a?socket=/s", {}}, {"nbd+unix:///b?socket=/s", {}}, false},
	{{"nbd+unix:///a?socket=/s", {}}, {"nbd+unix:///a?socket=/t", {}}, false},
	{{"nbd+unix:///a?socket=/s", {}}, {"nbd+unix:///a?socket=/st", {}}, false},
	{{"nbd+unix:///?socket=%00s", {}}, {"nbd+unix:///?socket=%00s", {}}, true},
	{{"nbd+unix:///?socket=%00s", {}}, {"nbd+unix:///?socket=%00t", {}}, false},
	{{"nbd+unix:///?socket=%00/s", {}}, {"nbd+unix:///?socket=/s", {}}, false},
	{{"nbd+unix:///a?socket=/s", {}}, {"nbd:///a", {}}, false},

	{{"nbd+vsock://2/a", {}}, {"nbd+vsock:///a", {}}, true},
	{{"nbd+vsock://2/a", {}}, {"nbd+vsock://3/a", {}}, false},
	{{"nbd+vsock://2/a", {}}, {"nbd+vsock://2:1/a", {}}, false},
	{{"nbd+vsock://2/a", {}}, {"nbd+vsock://2/b", {}}, false},
	{{"nbd+vsock://2/a", {}}, {"nbd://2/a", {}}, false},
};

static void test_same_export(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
		_cleanup_target_ struct target a, b;

		make(&a, &pairs[i].a);
		make(&b, &pairs[i].b);
		if (target_is_same_export(&a, &b) != pairs[i].same ||
			target_is_same_export(&b, &a) != pairs[i].same)
			fail_msg("%s and %s", pairs[i].a.uri, pairs[i].b.uri);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_settings_stay),
		cmocka_unit_test(test_anchored),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_same_export),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
