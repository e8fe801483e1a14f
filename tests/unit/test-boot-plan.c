/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel command line and DHCP want attached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot-plan-rows.h"

/* ---- ours ---- */

static void test_attach(void **state _unused_)
{
	static const struct row rows[] = {
		{"quiet nbd.attach=data,nbds://h/x ro", .uri = "nbds://h/x"},
		{"root=/dev/sda1 nbd.attach=root,nbds://h/x", .uri = "nbds://h/x"},
		{.cmdline = "nbd.attach=data"},
		{"nbd.attach=data,read-only,io-timeout=9",
			.options = " read-only io-timeout=9"},
		{"nbd.attach=data,tls-hostname=a:b", .options = " tls-hostname=a:b"},
		{"nbd.attach=d,nbds://h/a%2Cb?tls-hostname=n,,tls-ca=/c,",
			.uri = "nbds://h/a%2Cb?tls-hostname=n", .options = " tls-ca=/c"},
		{"nbd.attach=d,nbd://h/x,tls=off", .uri = "nbd://h/x",
			.options = " tls=off"},
		{"nbd.options=tls-ca=/c,connections=2 nbd.attach=d,nbds://h/x,connections=3",
			.uri = "nbds://h/x",
			.options = " tls-ca=/c connections=2 connections=3"},
		{.cmdline = "nbd.options=tls-ca=/c nbd.options= nbd.attach=d"},
		{"nbd.attach=d,nbds://h/x nbd.options=tls-ca=/c", .uri = "nbds://h/x"},
		{"nbd.tls=off nbd.attach=d,nbds://h/x", .uri = "nbds://h/x"},
		{"nbd.attach=",
			.said = "line: \"nbd.attach=\": \"\" is not a valid attachment name"},
		{"nbd.attach=.d",
			.said = "\"nbd.attach=.d\": \".d\" is not a valid attachment name"},
		{"nbd.attach=nbds://h/x",
			.said = "\"nbds://h/x\" is not a valid attachment name"},
		{"nbd.attach=a'b", .said = "\"a'b\" is not a valid attachment name"},
		{"nbd.attach=nbd0", .said = "\"nbd0\" is not a valid attachment name"},
		{"nbd.attach=d nbd.attach=d,nbds://h",
			.said = "two disks have the name d"},
		{"nbd.attach=d,nbds://h,name=e",
			.said = "\"nbd.attach=d,nbds://h,name=e\": the name"},
		{"nbd.attach=d,name=e", .said = "the name must come first"},
		{"nbd.attach=d,colour=blue", .said = "unknown option \"colour\""},
		{"nbd.attach=d,initrd", .said = "unknown option \"initrd\""},
		{"nbd.attach=d,tls-ca", .said = "tls-ca needs a value"},
		{"nbd.attach=d,http://h/", .said = "\"nbd.attach=d,http://h/\": "},
		{"nbd.attach=d,nbds://h,tls=off", .said = "TLS or nothing"},
		{"nbd.attach=d,nbd://h,tls-ca=/c", .said = "TLS is off"},
		{"nbd.options=colour nbd.attach=d",
			.said = "line: \"nbd.options=colour\": unknown option \"colour\""},
		{"nbd.options=name=e", .said = "the name must come first"},
		{"nbd.tls=on", .said = "\"nbd.tls=on\": option tls: \"on\" is not"},
		{"nbd.tls=", .said = "require, prefer or off"},
	};

	CHECK(rows);
}

/* Words as the kernel cuts them. */
static void test_words(void **state _unused_)
{
	static const struct row rows[] = {
		{"\t nbd.attach=d,nbds://h/x\n", .uri = "nbds://h/x"},
		{.cmdline = "a=\"b nbd.attach=no\" nbd.attach=d"},
		{"\"nbd.attach=d,tls-ca=/a b\"", .options = " tls-ca=/a b"},
		{"nbd.attach=\"d,tls-ca=/a b\",read-only",
			.options = " tls-ca=/a b read-only"},
		{.cmdline = "nbd.attach=d \"never closed nbd.attach=e"},
		{"nbd.attach=d,nbds://h/x -- nbd.attach=e,nbds://h/y root=nbd:h:x",
			.uri = "nbds://h/x"},
		{.cmdline = "xnbd.attach=a nbd.attach=d"},
		{.cmdline = "nbd.attach=d nbd.attach nbd.options nbdroot"},
	};

	CHECK(rows);
}

static void must_be_empty(const char *cmdline, const char *root_path, bool ask_dhcp)
{
	_cleanup_boot_plan_ struct boot_plan plan;
	struct error err;
	const struct row row = {.cmdline = cmdline, .root_path = root_path};

	assert_int_equal(read_row(&row, &plan, &err), 0);
	if (plan.n_disks > 0 || plan.ask_dhcp != ask_dhcp)
		fail_msg("%s: %zu disks%s", cmdline, plan.n_disks,
			plan.ask_dhcp ? ", DHCP is asked" : "");
	assert_null(plan.root);
}

static void test_nothing(void **state _unused_)
{
	static const char *const nothing[] = {"", " ", "root=", "root=/dev/sda1",
		"nbdroot=", "nbdroot=h,x nbdroot=", "netroot=", "netroot=iscsi:h",
		"nbd.tls=off", "nbd.options=", "root=nbd:h:x root=/dev/sda1",
		"-- root=dhcp", "root=/dev/nbd0"};
	static const char *const asked[] = {"root=dhcp", "netroot=dhcp",
		"root=/dev/sda1 netroot=dhcp", "nbdroot=dhcp", "nbdroot=dhcp,x",
		"nbdroot=,x", "nbdroot=:x"};

	for (size_t i = 0; i < ELEMENTSOF(nothing); i++)
		must_be_empty(nothing[i], "nbd:h:x", false);
	for (size_t i = 0; i < ELEMENTSOF(asked); i++)
		must_be_empty(asked[i], "", true);
	must_be_empty("root=dhcp", "10.0.0.1:/nfs", false);
	must_be_empty("netroot=dhcp", "10.0.0.1,x", false);
}

static void test_limits(void **state _unused_)
{
	static char text[65536];
	_cleanup_boot_plan_ struct boot_plan plan;
	struct error err;
	struct row row = {.cmdline = text};
	size_t size = 0;

	memset(text, 'a', sizeof(text) - 1);
	strcpy(text + sizeof(text) - 16, " nbd.attach=end");
	assert_int_equal(read_row(&row, &plan, &err), 0);
	assert_string_equal(plan.disks[0].name, "end");
	boot_plan_done(&plan);
	memcpy(text, "nbd.attach=", 11);
	assert_int_equal(read_row(&row, &plan, &err), -EINVAL);
	for (int i = 0; i < BOOT_DISKS_MAX; i++)
		size += (size_t)sprintf(text + size, "nbd.attach=d%d ", i);
	assert_int_equal(read_row(&row, &plan, &err), 0);
	assert_int_equal(plan.n_disks, BOOT_DISKS_MAX);
	strcpy(text + size, "root=nbd:h:x");
	row.said = "root=\"nbd:h:x\": too many disks";
	boot_plan_done(&plan);
	must_fail(&row);
}

/* ---- for a shell ---- */

static void must_print(const struct boot_plan *plan, const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	boot_plan_print(plan, out);
	fclose(out);
	assert_string_equal(text, wanted);
}

static void test_print(void **state _unused_)
{
	static const struct row full = {
		.cmdline = "nbd.attach=d root=nbd:h:x:ext4:ro,a=b"};
	static const struct row empty = {.cmdline = "netroot=dhcp"};
	struct boot_plan plan;
	struct error err;

	assert_int_equal(read_row(&full, &plan, &err), 0);
	must_print(&plan,
		"NBD_ATTACH_NAMES='d root'\nNBD_ATTACH_DHCP=''\nNBD_ATTACH_ROOT='" BY_NAME
		"'\nNBD_ATTACH_FSTYPE='ext4'\nNBD_ATTACH_FLAGS='ro,a=b'\n");
	boot_plan_done(&plan);
	assert_int_equal(read_row(&empty, &plan, &err), 0);
	must_print(&plan,
		"NBD_ATTACH_NAMES=''\nNBD_ATTACH_DHCP='yes'\nNBD_ATTACH_ROOT=''\n"
		"NBD_ATTACH_FSTYPE=''\nNBD_ATTACH_FLAGS=''\n");
	boot_plan_done(&plan);
}

static const char plain[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	".,:;=/@%+_-";

static void must_be_plain(const char *place, const char *text)
{
	if (text && text[strspn(text, plain)])
		fail_msg("%s: \"%s\" goes to a shell", place, text);
}

/* Each byte, at each place whose text is printed: it is refused, or means nothing. */
static void test_no_quote(void **state _unused_)
{
	/* in quotes of the command line's own, for spaces to be tried too */
	static const char *const places[] = {"\"nbd.attach=d*\"", "\"root=nbd:h:x:e*\"",
		"\"root=nbd:h:x::e*\"", "\"nbdroot=h,x,nbd1*\"",
		"nbdroot=h,x \"root=/dev/nbd1*\"", "\"root=nbd:h*:x\""};
	size_t taken = 0;

	for (size_t i = 0; i < ELEMENTSOF(places) * 255; i++) {
		_cleanup_free_ char *cmdline = strdup(places[i / 255]);
		_cleanup_boot_plan_ struct boot_plan plan;
		const struct row row = {.cmdline = cmdline};
		struct error err;

		*strchr(cmdline, '*') = (char)(i % 255 + 1);
		if (read_row(&row, &plan, &err) < 0)
			continue;
		taken++;
		for (size_t n = 0; n < plan.n_disks; n++)
			must_be_plain(cmdline, plan.disks[n].name);
		must_be_plain(cmdline, plan.root);
		must_be_plain(cmdline, plan.fstype);
		must_be_plain(cmdline, plan.flags);
	}
	assert_true(taken > 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_no_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
