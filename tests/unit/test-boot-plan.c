/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel command line and DHCP want attached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "target/boot-plan.h"

#define BY_NAME  "/dev/nbd/by-name/root"
#define ROOT(is) .uri = (is), .root = BY_NAME

/* What the command line and DHCP say, and the resulting plan. A missing field: nothing.
 */
struct row {
	const char *cmdline, *root_path, *root_server, *nbdroot;
	const char *uri, *options; /* of the last disk; the options, each after a space */
	const char *root, *fstype, *flags;
	const char *said; /* it fails, with a text that has this in it */
};

static int read_row(const struct row *row, struct boot_plan *plan, struct error *err)
{
	const struct boot_hints hints = {.root_path = row->root_path,
		.root_server = row->root_server,
		.nbdroot = row->nbdroot};

	*plan = (struct boot_plan){0};
	*err = (struct error){0};
	return boot_plan_read(row->cmdline, &hints, plan, err);
}

static const char *path_of(const struct row *row)
{
	return row->root_path ? row->root_path : "";
}

static void must_equal(
	const struct row *row, const char *what, const char *is, const char *wanted)
{
	if (strcmp(is ? is : "", wanted ? wanted : "") != 0)
		fail_msg("%s, %s: %s is \"%s\"", row->cmdline, path_of(row), what,
			is ? is : "");
}

static char *all_options(const struct boot_disk *disk)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < disk->n_options; i++)
		fprintf(out, " %s", disk->options[i]);
	fclose(out);
	return text;
}

static void must_come_of_it(const struct row *row)
{
	_cleanup_boot_plan_ struct boot_plan plan;
	_cleanup_free_ char *options = NULL;
	const struct boot_disk *last;
	struct error err;

	if (read_row(row, &plan, &err) < 0)
		fail_msg("%s, %s: %s", row->cmdline, path_of(row), err.text);
	must_equal(row, "root", plan.root, row->root);
	must_equal(row, "fstype", plan.fstype, row->fstype);
	must_equal(row, "flags", plan.flags, row->flags);
	if (plan.n_disks == 0)
		fail_msg("%s: no disk", row->cmdline);
	last = &plan.disks[plan.n_disks - 1];
	options = all_options(last);
	must_equal(row, "URI", last->uri, row->uri);
	must_equal(row, "options", options, row->options);
}

static void must_fail(const struct row *row)
{
	_cleanup_boot_plan_ struct boot_plan plan;
	struct error err;

	if (read_row(row, &plan, &err) >= 0)
		fail_msg("%s, %s is taken", row->cmdline, path_of(row));
	if (err.fault != FAULT_USAGE || !strstr(err.text, row->said))
		fail_msg("%s: %s", row->cmdline, err.text);
	assert_int_equal(plan.n_disks, 0);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].said)
			must_fail(&rows[i]);
		else
			must_come_of_it(&rows[i]);
}
#define CHECK(rows) check_rows(rows, ELEMENTSOF(rows))

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

/* ---- others' ---- */

static void test_dracut(void **state _unused_)
{
	static const struct row rows[] = {
		{"root=nbd:h:10809", ROOT("nbds://h:10809/")},
		{"root=nbd:h:x", ROOT("nbds://h/x")},
		{"root=nbd:h:7/x", ROOT("nbds://h:7/x")},
		{"root=nbd:10.0.0.1:x/y z", ROOT("nbds://10.0.0.1/x%2Fy")},
		{"root=nbd:[fe80::1%eth0]:7", ROOT("nbds://[fe80::1%eth0]:7/")},
		{"root=nbd:h:x:ext4", ROOT("nbds://h/x"), .fstype = "ext4"},
		{"root=nbd:h:x::ro,errors=panic", ROOT("nbds://h/x"),
			.flags = "ro,errors=panic"},
		{"root=nbd:h:x:cifs:ro:bs=4096,timeout=9,,-persist,-g,C=2,readonly",
			.uri = "nbds://h/x",
			.options =
				" block-size=4096 io-timeout=9 no-go connections=2 read-only",
			.root = BY_NAME, .fstype = "cifs", .flags = "ro"},
		{"root=nbd:h:7:::name=x,timeout=0,cacertfile=/c,tlshostname=n",
			ROOT("nbds://h:7/x"), .options = " tls-ca=/c tls-hostname=n"},
		{"root=/dev/root netroot=nbd:h:x", ROOT("nbds://h/x")},
		{"root=/dev/vg/root netroot=nbd:h:x", .uri = "nbds://h/x"},
		{"root=/dev/nbd3p1 netroot=nbd:h:x", .uri = "nbds://h/x",
			.options = " device=/dev/nbd3"},
		{"root=nbd:a:x netroot=nbd:b:y", ROOT("nbds://a/x")},
		{"root=nbd:a:x root=nbd:b:y", ROOT("nbds://b/y")},
		{"netroot=nbd:a:x netroot=iscsi:b", ROOT("nbds://a/x")},
		{"nbd.tls=prefer root=nbd:h:x", ROOT("nbd://h/x"),
			.options = " tls=prefer"},
		{"root=nbd:h:x nbd.tls=off", ROOT("nbd://h/x")},
		{"root=nbd:h:x nbd.options=tls-ca=/c", ROOT("nbds://h/x"),
			.options = " tls-ca=/c"},
		{"nbd.attach=d,nbds://a/d root=nbd:h:x", ROOT("nbds://h/x")},
		{"root=nbd:", .said = "root=\"nbd:\": it must be nbd:SERVER:PORT"},
		{"root=nbd:h", .said = "it must be"},
		{"root=nbd://h/x", .said = "it must be"},
		{"netroot=nbd://h/x", "nbd:h:x",
			.said = "netroot=\"nbd://h/x\": it must be"},
		{"root=nbd:h:", .said = "it must be"},
		{"netroot=nbd:[::1]x:y", .said = "netroot=\"nbd:[::1]x:y\": it must be"},
		{"root=nbd::x", .said = "root=\"nbd::x\": \"\" is not a valid server"},
		{"root=nbd:h@i:x", .said = "\"h@i\" is not a valid server"},
		{"root=nbd:h%41:x", .said = "\"h%41\" is not a valid server"},
		{"root=nbd:h:65536", .said = "root=\"nbd:h:65536\": the URI has a port"},
		{"root=nbd:h:x:e'",
			.said = "root=\"nbd:h:x:e'\": \"e'\" is not allowed here"},
		{"root=nbd:h:x::$(id)", .said = "\"$(id)\" is not allowed here"},
		{"\"root=nbd:h:x::a b\"", .said = "\"a b\" is not allowed here"},
		{"root=nbd:h:x:::colour=blue",
			.said = "\"colour\" is not a known option"},
		{"root=nbd:h:x:::bs", .said = "root=\"nbd:h:x:::bs\": block-size needs"},
		{"root=nbd:h:x:::bs=3", .said = "option block-size: \"3\" is not"},
		{"nbd.attach=root root=nbd:h:x",
			.said = "root=\"nbd:h:x\": two disks have the name root"},
	};

	CHECK(rows);
}

static void test_debian(void **state _unused_)
{
	static const struct row rows[] = {
		{"nbdroot=h,x,nbd1", .uri = "nbds://h/x", .options = " device=/dev/nbd1",
			.root = "/dev/nbd1"},
		{"nbdroot=h,10809,nbd0", .uri = "nbds://h:10809/",
			.options = " device=/dev/nbd0", .root = "/dev/nbd0"},
		{"nbdroot=h,x", ROOT("nbds://h/x")},
		{"nbdroot=h,7/x", ROOT("nbds://h/7%2Fx")},
		{"nbdroot=h,x root=/dev/nbd4p2", .uri = "nbds://h/x",
			.options = " device=/dev/nbd4"},
		{"nbdroot=h,x,nbd1 root=/dev/nbd4", .uri = "nbds://h/x",
			.options = " device=/dev/nbd4"},
		{"nbdroot=h,x,nbd1p1 root=/dev/vg/root", .uri = "nbds://h/x",
			.options = " device=/dev/nbd1"},
		{"nbdroot=fe80::1,x", ROOT("nbds://[fe80::1]/x")},
		{"nbdroot=h:7/x", ROOT("nbds://h:7/x")},
		{"nbdroot=h:/x", ROOT("nbds://h/x")},
		{"nbdroot=[::1]:7/x", ROOT("nbds://[::1]:7/x")},
		{"nbdroot=h:x", ROOT("nbds://h/x")},
		{"nbdroot=no,no nbdroot=also,not", .nbdroot = "h,x", ROOT("nbds://h/x")},
		{"nbdroot=h,x", .nbdroot = "", ROOT("nbds://h/x")},
		{"nbdroot=dhcp", "h,x,nbd1", .uri = "nbds://h/x",
			.options = " device=/dev/nbd1", .root = "/dev/nbd1"},
		{"nbdroot=dhcp", "nbdroot=h,x", ROOT("nbds://h/x")},
		{"nbdroot=dhcp", ",x", "10.0.0.1", ROOT("nbds://10.0.0.1/x")},
		{"nbdroot=dhcp", "dhcp,x", "10.0.0.2", ROOT("nbds://10.0.0.2/x")},
		{"nbdroot=dhcp,x,nbd1", "10.0.0.1", .uri = "nbds://10.0.0.1/x",
			.options = " device=/dev/nbd1", .root = "/dev/nbd1"},
		{"nbdroot=dhcp,x", "", "10.0.0.2", ROOT("nbds://10.0.0.2/x")},
		{"nbdroot=:x", "", "10.0.0.2", ROOT("nbds://10.0.0.2/x")},
		{"nbdroot=h", .said = "nbdroot=\"h\": it must be SERVER,PORT"},
		{"nbdroot=h,", .said = "it must be"},
		{"nbdroot=h,,nbd0", .said = "it must be"},
		{"nbdroot=fe80::1:x", .said = "it must be"},
		{"nbdroot=h,x,sda", .said = "\"sda\" is not a device such as nbd0"},
		{"nbdroot=dhcp", "10.0.0.1",
			.said = "DHCP's root-path \"10.0.0.1\": it must be SERVER,PORT"},
		{"nbdroot=dhcp,x", "h/,y",
			.said = "nbdroot=\"dhcp,x\": \"h/,y\" is not a valid server"},
	};

	CHECK(rows);
}

/* A DHCP server, real or not, can only choose what is attached. */
static void test_dhcp(void **state _unused_)
{
	static const struct row rows[] = {
		{"root=dhcp",
			"nbd:h:7/x:ext4:ro:bs=4096,timeout=9,R,conns=2,name=y,persist",
			.uri = "nbds://h:7/y", .fstype = "ext4", .flags = "ro",
			.options =
				" block-size=4096 io-timeout=9 read-only connections=2",
			.root = BY_NAME},
		{"root=/dev/root netroot=dhcp", "nbd:h:x", ROOT("nbds://h/x")},
		{"root=/dev/vg/root netroot=dhcp", "nbd:h:x", .uri = "nbds://h/x"},
		{"root=dhcp", "nbds://h:7/x", ROOT("nbds://h:7/x")},
		{"root=dhcp nbd.tls=off", "nbds://h/x", ROOT("nbds://h/x")},
		{"root=dhcp nbd.tls=off", "nbd://h/x", ROOT("nbd://h/x")},
		{"root=dhcp nbd.tls=off", "nbd:h:x", ROOT("nbd://h/x")},
		{"root=dhcp nbd.tls=prefer", "nbd://h/x", ROOT("nbd://h/x"),
			.options = " tls=prefer"},
		{"root=dhcp nbd.options=tls-ca=/c,tls-hostname=n", "nbd:h:x:::bs=512",
			ROOT("nbds://h/x"),
			.options = " block-size=512 tls-ca=/c tls-hostname=n"},
		{"root=dhcp", "nbd://h/x",
			.said = "DHCP's root-path \"nbd://h/x\": a server "
				"named by DHCP must prove its identity by TLS"},
		{"root=dhcp nbd.tls=require", "nbd://h/x",
			.said = "must prove its identity"},
		{"root=dhcp nbd.tls=off nbd.tls=require", "nbd://h/x",
			.said = "must prove"},
		{"root=dhcp nbd.tls=prefer nbd.options=tls=off", "nbd://h/x",
			.said = "must prove"},
		{"root=dhcp nbd.options=tls-verify-peer=0", "nbd:h:x",
			.said = "must prove"},
		{"root=dhcp nbd.options=tls-verify-peer=0,tls-type=anon", "nbd:h:x",
			.said = "must prove"},
		{"nbdroot=dhcp,x nbd.options=tls-verify-peer=no", "h",
			.said = "must prove"},
		{"root=dhcp", "nbds://h/x?socket=/s", .said = "a socket="},
		{"root=dhcp", "nbds://h/x,tls=off?tls=off", .said = "unknown parameter"},
		{"root=dhcp", "nbd:h:x:::tls=off",
			.said = "\"tls\" is not a known option"},
		{"root=dhcp", "nbd:h:x:::tls-verify-peer=0",
			.said = "is not a known option"},
		{"root=dhcp", "nbd:h:x:::tls-priority=N",
			.said = "is not a known option"},
		{"root=dhcp", "nbd:h:x:::data-path=relay",
			.said = "is not a known option"},
		{"root=dhcp", "nbd:h:x:cifs:unc=//h/x,ip=h",
			.said = "may not set \"cifs\""},
		{"root=dhcp", "nbd:h:x:fuse.sh", .said = "may not set \"fuse.sh\""},
		{"root=dhcp", "nbd:h:x:ext4:'\n", .said = "is not allowed here"},
		{"nbdroot=dhcp,x", "10.0.0.1/y?tls-verify-peer=0",
			.said = "is not a valid server"},
	};

	CHECK(rows);
}

static void test_dhcp_trusts(void **state _unused_)
{
	static const char *const uris[] = {"nbds://h/x?tls-verify-peer=0",
		"nbds://h/x?tls-type=anon", "nbds://h/x?tls-hostname=n",
		"nbds://h/x?tls-psk-file=/k", "nbds://h/x?tls-certificates=/d",
		"nbds://h/x?tls-username=u", "nbds://u@h/x", "nbds+unix:///x?socket=/s",
		"nbd+vsock://2/x"};
	static const char *const options[] = {
		"A", "cacertfile", "F", "certfile", "K", "keyfile", "H", "tlshostname"};
	struct row row = {.cmdline = "root=dhcp nbd.tls=off"};
	char path[64], said[64];

	row.said = "may set no more than server, port and export";
	for (size_t i = 0; i < ELEMENTSOF(uris); i++) {
		row.root_path = uris[i];
		must_fail(&row);
	}
	row.said = said;
	row.root_path = path;
	for (size_t i = 0; i < ELEMENTSOF(options); i++) {
		snprintf(path, sizeof(path), "nbd:h:x:::%s=n", options[i]);
		snprintf(said, sizeof(said), "a DHCP server may not set \"%s\"",
			options[i]);
		must_fail(&row);
	}
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
		cmocka_unit_test(test_dracut),
		cmocka_unit_test(test_debian),
		cmocka_unit_test(test_dhcp),
		cmocka_unit_test(test_dhcp_trusts),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_no_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
