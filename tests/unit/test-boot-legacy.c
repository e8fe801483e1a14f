/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dracut's and Debian's words on the kernel command line, and what DHCP may set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot-plan-rows.h"

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dracut),
		cmocka_unit_test(test_debian),
		cmocka_unit_test(test_dhcp),
		cmocka_unit_test(test_dhcp_trusts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
