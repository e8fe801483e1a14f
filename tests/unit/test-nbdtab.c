/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines of nbd-client's /etc/nbdtab, as attachments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
			  "nbd6 server odd colour=blue\n";

static int find(const char *wanted, struct target *t, struct error *err)
{
	target_init(t);
	return nbdtab_find("tab", tab, wanted, t, err);
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

/* A line that cannot be read is told if it is the one; to others it is nothing. */
static void test_faults(void **state _unused_)
{
	static const struct {
		const char *tab, *said;
	} rows[] = {
		{"\n\nnbd0 server\n",
			"tab:3: the line is not DEVICE HOST EXPORT [OPTION,…]"},
		{"nbd0 server x a b\n",
			"tab:1: the line is not DEVICE HOST EXPORT [OPTION,…]"},
		{"nbd0 server x colour=blue\n",
			"tab:1: option \"colour\" is unknown (those of other programs begin with _)"},
		{"nbd0 server x sdp\n",
			"tab:1: option \"sdp\" is no longer supported by the kernel"},
		{"nbd0 server x bs\n", "tab:1: option \"bs\" needs a value"},
		{"nbd0 server x swap=1\n",
			"tab:1: option \"swap\" does not take a value"},
		{"nbd0 server x bs=many\n", "tab:1: option block-size: "},
		{"disk0 server x\n", "tab:1: option device: "},
		{"nbd0 server:1 x\n", "tab:1: "},
		{"nbd0 server x port=0\n", "tab:1: the URI has a port"},
	};
	struct error err = {0};
	struct target t;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		target_init(&t);
		err = (struct error){0};
		/* by its device, or the one without by its export */
		assert_true(nbdtab_find("tab", rows[i].tab,
				    strstr(rows[i].tab, "disk0") ? "x" : "nbd0", &t,
				    &err) < 0);
		if (err.fault != FAULT_USAGE ||
			strncmp(err.text, rows[i].said, strlen(rows[i].said)) != 0)
			fail_msg("%s: %s", rows[i].tab, err.text);
	}
	target_init(&t);
	assert_int_equal(nbdtab_find("tab", "nbd0 server x\n", "y", &t, &err), -ENOENT);
	assert_int_equal(err.fault, FAULT_NO_SUCH);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_int_equal(
			nbdtab_find("tab", rows[i].tab, "nbd9", &t, &err), -ENOENT);
		assert_int_equal(err.fault, FAULT_NO_SUCH);
	}
}

/* The first keeps the export's name, whatever stands below it. */
static void test_same_export(void **state _unused_)
{
	static const char text[] = "nbd0 a disk\n"
				   "nbd7 b disk\n"
				   "nbd3 c disk\n"
				   "nbd4 d disk-nbd7\n"
				   "nbd5 e odd colour=blue\n"
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

		target_init(&t);
		if (nbdtab_find("tab", tab_text, rows[i].wanted, &t, &err) < 0)
			fail_msg("%s: %s", rows[i].wanted, err.text);
		assert_string_equal(t.host, rows[i].host);
		assert_string_equal(t.name, rows[i].name ? rows[i].name : name);
	}
	target_init(&bad);
	assert_int_equal(nbdtab_find("tab", tab_text, "odd", &bad, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tab:5: option \"colour\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_same_export),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
