/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files: what they say, which of them count, and what is wrong with them.
 */
#include <errno.h>
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

#include "target/config.h"

#define URI "uri=nbds://server/x\n"

static char root[] = "/tmp/test-config.XXXXXX";

static void put(const char *path, const char *text)
{
	char whole[256];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/'));
		slash++) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	f = fopen(whole, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(_unused_ void **state)
{
	strcpy(strrchr(root, '.'), ".XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(_unused_ void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void read_good(const char *name, struct config *c)
{
	struct error err = {0};

	if (config_read(root, name, c, &err) != 0)
		fail_msg("%s: %s", name, err.text);
}

static void test_all_keys(void **state _unused_)
{
	_cleanup_config_ struct config c = {0};
	char ca[128];

	put("/etc/nbd-attach/disk.conf",
		"# the disk\n\n[attach]\n; of the other building\n"
		"io-timeout = 7s ; quick\nuri=nbds://server:1/x?tls-hostname=s\nauto=yes\n"
		"trigger=net:eth0\ntls-ca=ca.pem\r\nread-only=yes\n");
	read_good("disk", &c);
	assert_string_equal(c.target.name, "disk");
	assert_string_equal(c.target.uri, "nbds://server:1/x?tls-hostname=s");
	assert_string_equal(c.target.tls_hostname, "s");
	assert_int_equal(c.target.io_timeout, 7 * USEC_PER_SEC);
	assert_true(c.target.read_only && c.automatic);
	assert_string_equal(c.trigger, "net:eth0");
	snprintf(ca, sizeof(ca), "%s/etc/nbd-attach/ca.pem", root);
	assert_string_equal(c.target.tls_ca, ca);
}

/* Not where the one is who reads it. */
static void test_certificates(void **state _unused_)
{
	_cleanup_config_ struct config c = {0};
	char path[128];

	put("/etc/nbd-attach/pki.conf",
		"[attach]\nuri=nbds://s/x?tls-certificates=pki\n");
	put("/etc/nbd-attach/pki/client-cert.pem", "");
	put("/etc/nbd-attach/pki/client-key.pem", "");
	read_good("pki", &c);
	snprintf(path, sizeof(path), "%s/etc/nbd-attach/pki/ca-cert.pem", root);
	assert_string_equal(c.target.tls_ca, path);
	snprintf(path, sizeof(path), "%s/etc/nbd-attach/pki/client-cert.pem", root);
	assert_string_equal(c.target.tls_cert, path);
}

/* The initramfs' maker must know what it cannot have. */
static void test_broken_initrd(void **state _unused_)
{
	_cleanup_config_ struct config c = {0}, other = {0};
	struct error err = {0};

	put("/etc/nbd-attach/broken.conf",
		"[attach]\nuri=nbds://s/x\nio-timout=1s\ninitrd=yes\n");
	assert_true(config_read(root, "broken", &c, &err) < 0);
	assert_true(c.initrd);
	put("/etc/nbd-attach/broken.conf", "[attach]\nuri=nbds://s/x\nio-timout=1s\n");
	assert_true(config_read(root, "broken", &other, &err) < 0);
	assert_false(other.initrd);
}

/* Later supervisors make the same target from the settings that were recorded. */
static void test_replays(void **state _unused_)
{
	_cleanup_config_ struct config c = {0};
	_cleanup_target_ struct target again;
	struct error err = {0};

	put("/etc/nbd-attach/disk.conf",
		"[attach]\n" URI "io-timeout=7s\ntls-ca=ca.pem\nconnections=2\n");
	read_good("disk", &c);
	target_init(&again);
	assert_int_equal(target_replay(&again, c.target.uri, c.target.directory,
				 (const char *const *)c.target.settings,
				 c.target.n_settings, &err),
		0);
	assert_string_equal(again.name, "disk");
	assert_string_equal(again.tls_ca, c.target.tls_ca);
	assert_int_equal(again.io_timeout, c.target.io_timeout);
	assert_int_equal(again.connections, 2);
}

static void test_precedence(void **state _unused_)
{
	static const char *const places[] = {"/usr/lib/nbd-attach",
		"/usr/local/lib/nbd-attach", "/run/nbd-attach", "/etc/nbd-attach"};

	for (unsigned i = 0; i < ELEMENTSOF(places); i++) {
		_cleanup_config_ struct config c = {0};
		char path[64], text[64];

		snprintf(path, sizeof(path), "%s/disk.conf", places[i]);
		snprintf(text, sizeof(text), "[attach]\nuri=nbd://server-%u/x\n", i);
		put(path, text);
		read_good("disk", &c);
		assert_int_equal(c.target.host[strlen("server-")], '0' + i);
	}
}

static void test_drop_ins(void **state _unused_)
{
	_cleanup_config_ struct config c = {0};

	put("/etc/nbd-attach/disk.conf",
		"[attach]\n" URI "io-timeout=1s\nconnections=2\n");
	put("/usr/lib/nbd-attach/disk.conf.d/10-a.conf", "[attach]\nio-timeout=10s\n");
	put("/run/nbd-attach/disk.conf.d/20-b.conf", "[attach]\nio-timeout=20s\n");
	/* hides the one of that name in /run */
	put("/etc/nbd-attach/disk.conf.d/20-b.conf", "[attach]\nio-timeout=21s\n");
	/* says nothing, and hides */
	put("/usr/lib/nbd-attach/disk.conf.d/30-c.conf", "[attach]\nio-timeout=30s\n");
	put("/etc/nbd-attach/disk.conf.d/30-c.conf", "");
	put("/etc/nbd-attach/disk.conf.d/40-d.txt", "nothing of ours");
	read_good("disk", &c);
	assert_int_equal(c.target.io_timeout, 21 * USEC_PER_SEC);
	assert_int_equal(c.target.connections, 2);
	config_done(&c);
	put("/etc/nbd-attach/disk.conf.d/50-e.conf", "[attach]\nuri=nbd://other/y\n");
	read_good("disk", &c);
	assert_string_equal(c.target.host, "other");
}

static void test_hidden(void **state _unused_)
{
	struct config c;
	struct error err = {0};

	put("/usr/lib/nbd-attach/disk.conf", "[attach]\n" URI);
	put("/etc/nbd-attach/disk.conf", "");
	assert_int_equal(config_read(root, "disk", &c, &err), -ENOENT);
	assert_int_equal(err.fault, FAULT_NO_SUCH);
	assert_int_equal(config_read(root, "../etc/nbd-attach/disk", &c, &err), -ENOENT);
}

static int add_name(const char *name, void *userdata)
{
	strcat(userdata, name);
	strcat(userdata, " ");
	return 0;
}

static void test_list(void **state _unused_)
{
	char names[64] = "";

	put("/etc/nbd-attach/a.conf", "[attach]\n");
	put("/usr/lib/nbd-attach/a.conf", "[attach]\n");
	put("/usr/lib/nbd-attach/b.conf", "[attach]\n");
	put("/usr/lib/nbd-attach/c.conf", "[attach]\n");
	put("/run/nbd-attach/c.conf", "");
	put("/run/nbd-attach/d/state.json", "{}");
	put("/etc/nbd-attach/.conf", "[attach]\n");
	assert_int_equal(config_list(root, add_name, names), 0);
	assert_string_equal(names, "a b ");
}

/* Invalid files: the message names the line and the fault. */
static void test_faults(void **state _unused_)
{
	static const struct {
		const char *text;
		unsigned line; /* 0: of the whole file */
		const char *word;
	} rows[] = {
		{"[attach]\n", 0, "uri="},
		{URI, 1, "[attach]"},
		{"[other]\n" URI, 2, "[attach]"},
		{"[attach]\nuri=http://server\n", 2, "nbd"},
		{"[attach]\nuri=\n", 2, "URI"},
		{"[attach]\n" URI "no-such=1\n", 3, "no-such"},
		{"[attach]\n" URI "io-timeout=soon\n", 3, "io-timeout"},
		{"[attach]\n" URI "\n\ntls-ca\n", 5, "KEY=VALUE"},
		{"[attach\n" URI, 1, "[attach]"},
		{"[attach]\n" URI "=x\n", 3, "key"},
		{"[attach]\n" URI "name=other\n", 3, "name"},
		{"[attach]\nauto=perhaps\n" URI, 2, "auto"},
		{"[attach]\ntrigger=usb\n" URI, 2, "trigger"},
		{"[attach]\ntrigger=net:\n" URI, 2, "trigger"},
		{"[attach]\ntrigger=net:../eth0\n" URI, 2, "trigger"},
		{"[attach]\ntrigger=net:an-interface-too-long\n" URI, 2, "trigger"},
		/* the parser would add it to the value before */
		{"[attach]\n" URI " io-timeout=3s\n", 3, "space"},
		{"[attach]\n" URI "tls=off\n", 3, "tls"},
		{"[attach]\n" URI "tls-key=k.pem\n", 0, "tls-cert"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char where[32] = "disk.conf";
		struct config c;
		struct error err = {0};

		put("/etc/nbd-attach/disk.conf", rows[i].text);
		if (rows[i].line > 0)
			snprintf(where, sizeof(where), "disk.conf:%u: ", rows[i].line);
		if (config_read(root, "disk", &c, &err) >= 0 ||
			err.fault != FAULT_USAGE || !strstr(err.text, where) ||
			!strstr(err.text, rows[i].word))
			fail_msg("row %zu: \"%s\": %s", i, rows[i].text, err.text);
	}
}

static void test_long_line(void **state _unused_)
{
	char text[600] = "[attach]\n" URI "tls-ca=/";
	struct error err = {0};
	struct config c;

	memset(text + strlen(text), 'a', 300);
	strcat(text, "\n");
	put("/etc/nbd-attach/disk.conf", text);
	assert_true(config_read(root, "disk", &c, &err) < 0);
	assert_non_null(strstr(err.text, "disk.conf:3: the line is too long"));
}

static void test_nul(void **state _unused_)
{
	static const char text[] = "[attach]\n" URI "io-timeout=3s\0connections=2\n";
	_cleanup_config_ struct config c = {0};
	struct error err = {0};

	target_init(&c.target);
	assert_true(config_parse(
			    &c, CONFIG_ROUND_URI, "f", text, sizeof(text) - 1, &err) < 0);
	assert_string_equal(err.text, "f:3: the line contains a NUL byte");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_all_keys),
		TEST(test_certificates),
		TEST(test_broken_initrd),
		TEST(test_replays),
		TEST(test_precedence),
		TEST(test_drop_ins),
		TEST(test_hidden),
		TEST(test_list),
		TEST(test_faults),
		TEST(test_long_line),
		TEST(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
