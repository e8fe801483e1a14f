/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines of nbd-client's /etc/nbdtab, as attachments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/nbdtab.h"

static const char tab[] = "# device host export options\n"
			  "nbd0 server.example swap swap,persist\n"
			  "\n"
			  "broken line\n"
			  "nbd1\tserver  data  # no options\n"
			  "nbd2 server d%i/sk port=1,conns=3,timeout=9,bs=4096,_netdev\n"
			  "nbd3 /run/nbd.sock local unix\r\n"
			  "nbd4 server safe cacertfile=/ca.pem,tlshostname=s,timeout=0\n"
			  "nbd5 fe80::1 six no_optgo\n"
			  "nbd6 server odd #b";

/* The warnings about the line that was found. */
static char warned[1024];

static void note(const char *text)
{
	size_t size = strlen(warned);

	snprintf(warned + size, sizeof(warned) - size, "%s\n", text);
}

static int find_in(
	const char *text, const char *wanted, struct target *t, struct error *err)
{
	target_init(t);
	warned[0] = 0;
	return nbdtab_find("tab", text, wanted, note, t, err);
}

static int find(const char *wanted, struct target *t, struct error *err)
{
	return find_in(tab, wanted, t, err);
}

static void test_lines(void **state _unused_)
{
	static const struct {
		const char *wanted, *uri, *name;
	} rows[] = {
		{"nbd0", "nbd://server.example/swap", "swap"},
		{"/dev/nbd1", "nbd://server/data", "data"},
		{"data", "nbd://server/data", "data"},
		{"nbd2", "nbd://server:1/d%25i%2Fsk", "disk"},
		{"local", "nbd+unix:///local?socket=%2Frun%2Fnbd.sock", "local"},
		{"safe", "nbds://server/safe", "safe"},
		{"six", "nbd://[fe80::1]/six", "six"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		struct error err = {0};

		if (find(rows[i].wanted, &t, &err) < 0)
			fail_msg("%s: %s", rows[i].wanted, err.text);
		assert_string_equal(t.uri, rows[i].uri);
		assert_string_equal(t.name, rows[i].name);
		assert_int_equal(t.no_go, strcmp(rows[i].wanted, "six") == 0);
	}
}

static void test_options(void **state _unused_)
{
	_cleanup_target_ struct target many, swap, safe;
	struct error err = {0};

	assert_int_equal(find("nbd2", &many, &err), 0);
	assert_string_equal(many.export_name, "d%i/sk");
	assert_int_equal(many.device, 2);
	assert_int_equal(many.connections, 3);
	assert_int_equal(many.block_size, 4096);
	assert_int_equal(many.io_timeout, 9 * USEC_PER_SEC);
	assert_int_equal(many.tls, TLS_MODE_OFF);
	assert_int_equal(find("swap", &swap, &err), 0);
	assert_true(swap.lock_memory);
	assert_int_equal(find("safe", &safe, &err), 0);
	assert_int_equal(safe.tls, TLS_MODE_REQUIRE);
	assert_true(safe.tls_verify_peer);
	assert_string_equal(safe.tls_ca, "/ca.pem");
	assert_string_equal(safe.tls_hostname, "s");
	assert_int_equal(safe.io_timeout, swap.io_timeout);
}

/* An invalid line is an error only if it is the wanted one. */
static void test_faults(void **state _unused_)
{
	static const struct {
		const char *tab, *said;
	} rows[] = {
		{"\n\nnbd0 server\n",
			"tab:3: the line is not DEVICE HOST EXPORT [OPTION,…]"},
		{"nbd0 server x a b\n",
			"tab:1: the line is not DEVICE HOST EXPORT [OPTION,…], without spaces in any of "
			"them"},
		{"nbd0 server \"my disk\" tls\n",
			"tab:1: the line is not DEVICE HOST EXPORT [OPTION,…], without spaces in any of "
			"them"},
		{"nbd0 server x preinit\n",
			"tab:1: option \"preinit\" is not supported: nbd-attach negotiates itself"},
		{"nbd0 server x bs=\n", "tab:1: option \"bs\" has no value after the ="},
		{"nbd0 server x keyfile=#k\n",
			"tab:1: option \"keyfile\" has no value after the ="},
		{"nbd0 server x =\n", "tab:1: option \"\" has no value after the ="},
		{"nbd0 server x cacertfile\n",
			"tab:1: option \"cacertfile\" needs a value"},
		{"nbd0 server x tls=yes\n", "tab:1: option \"tls\" takes no value"},
		{"nbd0 server x bs=many\n",
			"tab:1: option bs: \"many\" is not a power of two from 512 to 64K"},
		{"nbd0 server x conns=0\n",
			"tab:1: option conns: \"0\" is not auto or a number from 1 to 16"},
		{"nbd0 server x timeout=-1\n",
			"tab:1: option timeout: \"-1\" is not a time from 1s to 1h, such as 30s"},
		{"nbd0 server x dead-timeout=soon\n",
			"tab:1: option dead-timeout: \"soon\" is not a time, such as 5min or infinity"},
		{"disk0 server x\n", "tab:1: \"disk0\" is not a device such as nbd0"},
		{"nbd0 server:1 x\n",
			"tab:1: \"server:1\" is neither a host's name nor its address: a port is an "
			"option, port=N"},
		{"nbd0 ser[ver x\n",
			"tab:1: \"ser[ver\" is neither a host's name nor its address"},
		{"nbd0 nbd://server x\n",
			"tab:1: \"nbd://server\" is not a host: a URI is attached without /etc/nbdtab"},
		{"nbd0 unix:/run/s x unix_\n",
			"tab:1: \"unix:/run/s\" is not a host: for a unix socket write its path, and "
			"the option unix"},
		{"nbd0 /run/s x\n",
			"tab:1: \"/run/s\" is not a host: a unix socket needs the option unix"},
		{"nbd0 fe80::1%/ x\n",
			"tab:1: host and export are too long, or the interface after % is not one"},
		{"nbd0 server x port=0\n",
			"tab:1: option port: \"0\" is not a number from 1 to 65535"},
		{"nbd0 server x port=nbd\n",
			"tab:1: option port: \"nbd\" is not a number from 1 to 65535"},
		{"nbd0 server \xff\n",
			"tab:1: \"?\" is not an export's name: that is UTF-8, and at most 4096 bytes"},
		{"nbd0 server x certfile=/c\n",
			"tab:1: option \"certfile\" needs the option keyfile, too"},
		{"nbd0 /run/s x unix,tls\n",
			"tab:1: a unix socket has no host's name to verify the server's certificate "
			"against: add the option tlshostname"},
	};
	struct error err = {0};
	struct target t;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		err = (struct error){0};
		/* by its device, or the one without by its export */
		assert_true(
			find_in(rows[i].tab, strstr(rows[i].tab, "disk0") ? "x" : "nbd0",
				&t, &err) < 0);
		if (err.fault != FAULT_USAGE || strcmp(err.text, rows[i].said) != 0)
			fail_msg("%s: %s", rows[i].tab, err.text);
		target_done(&t);
	}
	assert_int_equal(find_in("nbd0 server x\n", "y", &t, &err), -ENOENT);
	assert_int_equal(err.fault, FAULT_NO_SUCH);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_int_equal(find_in(rows[i].tab, "nbd9", &t, &err), -ENOENT);
		assert_int_equal(err.fault, FAULT_NO_SUCH);
		assert_string_equal(warned, "");
	}
}

/* The options of nbd-client 3.23 to 3.27, in nbdtab and on its command line. */
static void test_every_option(void **state _unused_)
{
	static const char text[] =
		"nbd0 s x persist,nofork,systemd-mark,no_optgo,no-optgo,swap,_x=1,,"
		"dead-timeout=7,readonly\n"
		"nbd1 s x tls,priority=NORMAL:-VERS-TLS1.3,keyfile=/k,timeout=1,timeout=2\n"
		"nbd2 s x enable-tls,block-size=1024,connections=2,read-only,dead-timeout=0\n";
	_cleanup_target_ struct target a, b, c;
	struct error err = {0};

	assert_int_equal(find_in(text, "nbd0", &a, &err), 0);
	assert_string_equal(warned, "");
	assert_true(a.lock_memory && a.read_only);
	assert_int_equal(a.reconnect_timeout, 7 * USEC_PER_SEC);
	assert_int_equal(a.tls, TLS_MODE_OFF);
	assert_int_equal(find_in(text, "nbd1", &b, &err), 0);
	assert_string_equal(warned, "");
	assert_int_equal(b.tls, TLS_MODE_REQUIRE);
	assert_string_equal(b.tls_priority, "NORMAL:-VERS-TLS1.3");
	assert_string_equal(b.tls_key, "/k");
	assert_string_equal(b.tls_cert, "/k");
	assert_int_equal(b.io_timeout, 2 * USEC_PER_SEC);
	assert_false(b.read_only);
	assert_int_equal(find_in(text, "nbd2", &c, &err), 0);
	assert_string_equal(warned, "");
	assert_int_equal(c.tls, TLS_MODE_REQUIRE);
	assert_int_equal(c.block_size, 1024);
	assert_int_equal(c.connections, 2);
	assert_true(c.read_only);
	assert_int_equal(c.reconnect_timeout, b.reconnect_timeout);
}

/* What nbd-client ignores, or allows more of, is only a warning. */
static void test_warnings(void **state _unused_)
{
	static const struct {
		const char *options, *warned;
	} rows[] = {
		{"colour=blue", "tab:2: option \"colour\" is unknown: it is ignored\n"},
		{"sdp", "tab:2: option \"sdp\" is unknown: it is ignored\n"},
		{"a,b=c",
			"tab:2: option \"a\" is unknown: it is ignored\n"
			"tab:2: option \"b\" is unknown: it is ignored\n"},
		{"bs", "tab:2: option \"bs\" needs a value: it is ignored\n"},
		{"swap=1", "tab:2: option \"swap\" takes no value: it is ignored\n"},
		{"unix=1", "tab:2: option \"unix\" takes no value: it is ignored\n"},
		{"priority=NORMAL",
			"tab:2: option \"priority\" is ignored: the line does not ask for TLS (option "
			"tls)\n"},
		{"timeout=100000",
			"tab:2: option \"timeout\" is longer than 1h: 1h is used\n"},
		{"timeout=3600", ""},
		{"conns=17", "tab:2: option \"conns\" is more than 16: 16 are used\n"},
	};
	struct error err = {0};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		char text[256];

		snprintf(text, sizeof(text), "nbd1 s y odd\nnbd0 s x %s\n",
			rows[i].options);
		if (find_in(text, "nbd0", &t, &err) < 0)
			fail_msg("%s: %s", text, err.text);
		assert_string_equal(warned, rows[i].warned);
		assert_string_equal(t.uri, "nbd://s/x");
		assert_false(t.lock_memory);
		assert_int_equal(t.io_timeout,
			strstr(text, "timeout") ? 3600 * USEC_PER_SEC
						: 30 * USEC_PER_SEC);
		assert_int_equal(t.connections, strstr(text, "conns") ? 16 : 1);
	}
}

/* What nbd-client's lexer takes for a comment and for a word, and what editors leave. */
static void test_words(void **state _unused_)
{
	static const struct {
		const char *line, *uri, *ca;
	} rows[] = {
		{"nbd0 s a#b", "nbd://s/a%23b", NULL},
		{"nbd0 s x cacertfile=/a#b,tls", "nbds://s/x", "/a#b"},
		{"nbd0 s x cacertfile=/a,#tls", "nbds://s/x", "/a"},
		{"nbd0 s x #cacertfile=/a", "nbd://s/x", NULL},
		{"nbd0\ts \t x\t\r\n", "nbd://s/x", NULL},
		{"\xef\xbb\xbfnbd0 s x\r\n", "nbd://s/x", NULL},
		{"\xef\xbb\xbf# nbd0 s z\r\nnbd0 s x\r\n", "nbd://s/x", NULL},
		{"nbd0 s x cacertfile=/a\r\n", "nbds://s/x", "/a"},
		{"nbd0 s -", "nbd://s/-", NULL},
		{"nbd0 s \"x\"", "nbd://s/%22x%22", NULL},
		{"nbd0 ::1 x", "nbd://[::1]/x", NULL},
		{"nbd0 [::1] x port=1", "nbd://[::1]:1/x", NULL},
		{"nbd0 fe80::1%eth0 x", "nbd://[fe80::1%25eth0]/x", NULL},
		{"nbd0 fe80::1%25 x", "nbd://[fe80::1%2525]/x", NULL},
		{"nbd0 [fe80::1%25eth0] x", "nbd://[fe80::1%25eth0]/x", NULL},
		{"nbd0 /run/a:b x unix", "nbd+unix:///x?socket=%2Frun%2Fa%3Ab", NULL},
		{"nbd0 h\xc3\xa4st x", "nbd://h%C3%A4st/x", NULL},
		/* the first one counts */
		{"nbd0 s x\nnbd0 s y cacertfile=/a", "nbd://s/x", NULL},
		{"/dev/nbd0 s x\nnbd0 s y", "nbd://s/x", NULL},
	};
	struct error err = {0};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;

		if (find_in(rows[i].line, "nbd0", &t, &err) < 0)
			fail_msg("%s: %s", rows[i].line, err.text);
		assert_string_equal(t.uri, rows[i].uri);
		assert_string_equal(
			t.tls_ca ? t.tls_ca : "", rows[i].ca ? rows[i].ca : "");
		assert_string_equal(warned, "");
	}
}

/* An export's name may be long; nothing after it is lost. */
static void test_long_lines(void **state _unused_)
{
	static const struct {
		size_t size;
		const char *said; /* NULL: it is valid */
	} rows[] = {
		{4096, NULL},
		{4097, "tab:1: \"xxxx"},
		{900000, "tab:1: \"xxxx"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_free_ char *name = malloc(rows[i].size + 1), *text = NULL;
		_cleanup_target_ struct target t;
		struct error err = {0};
		int r;

		assert_non_null(name);
		memset(name, 'x', rows[i].size);
		name[rows[i].size] = 0;
		assert_true(asprintf(&text, "nbd0 s %s bs=1024\nnbd1 s y", name) > 0);
		r = find_in(text, "nbd0", &t, &err);
		if (rows[i].said) {
			assert_int_equal(r, -EINVAL);
			assert_memory_equal(err.text, rows[i].said, strlen(rows[i].said));
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(t.export_name, name);
			assert_int_equal(t.block_size, 1024);
		}
		target_done(&t);
		assert_int_equal(find_in(text, "y", &t, &err), 0);
	}
}

/* The first line keeps the export's name, whatever follows. */
static void test_same_export(void **state _unused_)
{
	static const char text[] = "nbd0 a disk\n"
				   "nbd7 b disk\n"
				   "nbd3 c disk\n"
				   "nbd4 d disk-nbd7\n"
				   "nbd5 e odd bs=0\n"
				   "nbd6 f odd\n"
				   "nbd8 g %s\n"
				   "nbd9 h %s\n";
	static const struct {
		const char *wanted, *host, *name;
	} rows[] = {
		{"disk", "a", "disk"},
		{"nbd0", "a", "disk"},
		{"nbd7", "b", "disk-nbd7"},
		{"disk-nbd7", "b", "disk-nbd7"},
		{"disk-nbd3", "c", "disk-nbd3"},
		{"nbd4", "d", "disk-nbd7-nbd4"},
		{"disk-nbd7-nbd4", "d", "disk-nbd7-nbd4"},
		/* the first one's as soon as that can be read */
		{"odd-nbd6", "f", "odd-nbd6"},
		{"nbd9", "h", NULL},
	};
	char longest[NBD_NAME_MAX + 1], name[NBD_NAME_MAX + 1], tab_text[512];
	struct error err = {0};
	struct target bad;

	memset(longest, 'x', NBD_NAME_MAX);
	longest[NBD_NAME_MAX] = 0;
	snprintf(tab_text, sizeof(tab_text), text, longest, longest);
	snprintf(name, sizeof(name), "%.50s-nbd9", longest);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;

		if (find_in(tab_text, rows[i].wanted, &t, &err) < 0)
			fail_msg("%s: %s", rows[i].wanted, err.text);
		assert_string_equal(t.host, rows[i].host);
		assert_string_equal(t.name, rows[i].name ? rows[i].name : name);
	}
	assert_int_equal(find_in(tab_text, "odd", &bad, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tab:5: option bs:"));
}

/* A NUL byte would hide the lines after it. */
static void test_not_text(void **state _unused_)
{
	static const char text[] = "nbd0 s x\n\0nbd1 s y\n";
	char root[] = "/tmp/test-nbdtab-XXXXXX", folder[64], path[64], said[128];
	_cleanup_target_ struct target t;
	struct error err = {0};
	FILE *file;

	target_init(&t);
	assert_non_null(mkdtemp(root));
	snprintf(folder, sizeof(folder), "%s/etc", root);
	snprintf(path, sizeof(path), "%s" NBDTAB, root);
	snprintf(said, sizeof(said), "%s has a NUL byte: it must be a text file", path);
	assert_int_equal(nbdtab_read(root, "nbd1", note, &t, &err), -ENOENT);
	assert_int_equal(err.fault, FAULT_NO_SUCH);
	assert_int_equal(mkdir(folder, 0700), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, sizeof(text) - 1, 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(nbdtab_read(root, "nbd1", note, &t, &err), -EINVAL);
	assert_int_equal(err.fault, FAULT_USAGE);
	assert_string_equal(err.text, said);
	unlink(path);
	rmdir(folder);
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_same_export),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
