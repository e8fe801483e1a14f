/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the generator makes of configuration files and fstab. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "generate.h"
#include "unit-name.h"

#define URI     "[attach]\nuri=nbds://server/x\n"
#define DEVICE  "dev-nbd-by\\x2dname-"
#define BY_ID   "dev-disk-by\\x2did-nbd\\x2d"
#define DROP_IN "50-nbd-attach.conf"

struct world {
	char root[32], out[40];
	char said[4096]; /* on stderr */
};

static void put(const struct world *w, const char *path, const char *text)
{
	char whole[256];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", w->root, path);
	f = fopen(whole, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char command[256];

	if (!w)
		return -1;
	*state = w;
	strcpy(w->root, "/tmp/test-generate.XXXXXX");
	if (!mkdtemp(w->root))
		return -1;
	snprintf(w->out, sizeof(w->out), "%s/out", w->root);
	snprintf(command, sizeof(command), "mkdir -p %s/etc/nbd-attach %s", w->root,
		w->out);
	return system(command);
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", w->root);
	free(w);
	return system(command);
}

static void run(struct world *w)
{
	char path[64];
	int before = dup(STDERR_FILENO);
	FILE *f;

	snprintf(path, sizeof(path), "%s/said", w->root);
	f = fopen(path, "we+");
	assert_non_null(f);
	dup2(fileno(f), STDERR_FILENO);
	generate(w->root, w->out);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(f);
	w->said[fread(w->said, 1, sizeof(w->said) - 1, f)] = 0;
	fclose(f);
}

/* The file's text, or where the link leads; NULL: it is not there. */
static _printf_(2, 3) char *get(const struct world *w, const char *format, ...)
{
	static char text[512];
	char path[256], rest[192];
	va_list args;
	ssize_t n;
	FILE *f;

	va_start(args, format);
	vsnprintf(rest, sizeof(rest), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", w->out, rest);
	n = readlink(path, text, sizeof(text) - 1);
	if (n < 0) {
		f = fopen(path, "re");
		if (!f)
			return NULL;
		n = (ssize_t)fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = 0;
	return text;
}

static void assert_wants(const struct world *w, const char *unit, const char *wanted)
{
	const char *target = get(w, "%s.wants/%s", unit, wanted);

	if (!target)
		fail_msg("%s does not want %s; said: %s", unit, wanted, w->said);
}

static void test_auto(void **state)
{
	struct world *w = *state;

	put(w, "/etc/nbd-attach/a.b-c.conf", URI "auto=yes\n");
	put(w, "/etc/nbd-attach/plain.conf", URI);
	run(w);
	assert_string_equal(w->said, "");
	assert_wants(w, "remote-fs.target", "nbd-attach.target");
	assert_wants(w, "nbd-attach.target", "nbd-attach@a.b-c.service");
	assert_string_equal(
		strrchr(get(w, "nbd-attach.target.wants/nbd-attach@a.b-c.service"), '/'),
		"/nbd-attach@.service");
	assert_null(get(w, "nbd-attach.target.wants/nbd-attach@plain.service"));
	/* a reference pulls either in, and waits for it */
	assert_string_equal(get(w, DEVICE "a.b\\x2dc.device.d/" DROP_IN),
		"[Unit]\nWants=nbd-attach@a.b-c.service\nAfter=nbd-attach@a.b-c.service\n");
	assert_non_null(get(w, BY_ID "a.b\\x2dc.device.d/" DROP_IN));
	assert_non_null(get(w, DEVICE "plain.device.d/" DROP_IN));
}

static void test_nothing_configured(void **state)
{
	struct world *w = *state;

	put(w, "/etc/fstab",
		"UUID=1 / ext4 defaults 0 1\n/dev/sda1 /nbd ext4 defaults 0 2\n");
	run(w);
	assert_string_equal(w->said, "");
	/* empty, or this fails */
	assert_int_equal(rmdir(w->out), 0);
}

static void test_triggers(void **state)
{
	struct world *w = *state;

	put(w, "/etc/nbd-attach/any.conf", URI "trigger=net\n");
	put(w, "/etc/nbd-attach/one.conf", URI "trigger=net:wg-home\n");
	run(w);
	assert_wants(w, "nbd-attach-net.service", "nbd-attach@any.service");
	assert_wants(w, "sys-subsystem-net-devices-wg\\x2dhome.device",
		"nbd-attach@one.service");
	assert_null(get(w, "nbd-attach-net.service.wants/nbd-attach@one.service"));
	assert_null(get(w, "remote-fs.target.wants/nbd-attach.target"));
}

static void test_bad_configuration(void **state)
{
	struct world *w = *state;

	put(w, "/etc/nbd-attach/bad.conf", URI "auto=yes\nsize=1\n");
	put(w, "/etc/nbd-attach/good.conf", URI "auto=yes\n");
	run(w);
	assert_non_null(strstr(w->said, "/etc/nbd-attach/bad.conf:4: unknown option"));
	assert_wants(w, "nbd-attach.target", "nbd-attach@good.service");
	assert_null(get(w, "nbd-attach.target.wants/nbd-attach@bad.service"));
	assert_non_null(get(w, DEVICE "bad.device.d/" DROP_IN));
}

static void test_mounts(void **state)
{
	struct world *w = *state;

	put(w, "/etc/nbd-attach/vault.conf", URI);
	put(w, "/etc/nbd-attach/disk-part1.conf", URI);
	put(w, "/etc/fstab",
		"/dev/nbd/by-name/vault /srv/vault ext4 _netdev,nofail 0 2\n"
		"/dev/disk/by-id/nbd-vault-part2 /second ext4 _netdev 0 2\n"
		"/dev/nbd/by-name/disk-part1 /third ext4 _netdev,x-systemd.automount 0 2\n");
	run(w);
	assert_string_equal(w->said, "");
	assert_string_equal(get(w, "srv-vault.mount.d/" DROP_IN),
		"[Unit]\nAfter=nbd-attach@vault.service\n");
	assert_wants(w, DEVICE "vault.device", "srv-vault.mount");
	assert_wants(w, BY_ID "vault\\x2dpart2.device", "second.mount");
	assert_string_equal(get(w, BY_ID "vault\\x2dpart2.device.d/" DROP_IN),
		"[Unit]\nWants=nbd-attach@vault.service\nAfter=nbd-attach@vault.service\n");
	/* a name may end like that of a partition; an automount decides when by itself */
	assert_non_null(strstr(
		get(w, "third.mount.d/" DROP_IN), "After=nbd-attach@disk-part1.service"));
	assert_null(get(w, DEVICE "disk\\x2dpart1.device.wants/third.mount"));
}

static void test_lines_that_hang(void **state)
{
	static const struct {
		const char *line;
		bool hangs;
	} lines[] = {
		{"/dev/nbd/by-name/vault /m ext4 defaults 0 0", true},
		{"/dev/disk/by-id/nbd-vault /m ext4 defaults 0 0", true},
		{"/dev/nbd/by-name/vault-part1 /m ext4 ro 0 0", true},
		{"/dev/nbd0 /m ext4 defaults 0 0", true},
		{"/dev/nbd11p2 /m ext4 defaults 0 0", true},
		{"/dev/nbd/by-name/vault /m ext4 _netdev 0 0", false},
		{"/dev/nbd0 /m ext4 defaults,_netdev 0 0", false},
		{"/dev/nbd/by-name/vault /m ext4 nofail 0 0", false},
		{"/dev/nbd/by-name/vault /m ext4 noauto 0 0", false},
		{"/dev/nbd/by-name/vault /m ext4 x-systemd.automount 0 0", false},
		{"/dev/nbd/by-name/vault / ext4 defaults 0 0", false},
		{"/dev/nbd/by-name/vault none swap sw 0 0", false},
		{"/dev/nbdx /m ext4 defaults 0 0", false},
		{"#/dev/nbd0 /m ext4 defaults 0 0", false},
	};
	struct world *w = *state;

	put(w, "/etc/nbd-attach/vault.conf", URI);
	for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s\n", lines[i].line);
		put(w, "/etc/fstab", text);
		run(w);
		if (lines[i].hangs !=
			(strstr(w->said, "/etc/fstab: /m ") &&
				strstr(w->said, "add _netdev")))
			fail_msg("%s: said: %s", lines[i].line, w->said);
	}
}

static void test_mount_of_nothing(void **state)
{
	struct world *w = *state;

	put(w, "/etc/fstab", "/dev/nbd/by-name/lost-part1 /m ext4 _netdev 0 0\n");
	run(w);
	assert_non_null(strstr(w->said, "/m is to be mounted"));
	assert_int_equal(rmdir(w->out), 0);
}

/* That is attached by who is enabled for it: by its name or its device, or nbd-client. */
static void test_mount_of_nbdtab(void **state)
{
	struct world *w = *state;

	put(w, "/etc/nbdtab",
		"nbd0 server disk\nnbd1 other disk\nnbd2 server bad colour=1\n");
	put(w, "/etc/fstab",
		"/dev/nbd/by-name/disk-part1 /a ext4 _netdev 0 0\n"
		"/dev/disk/by-id/nbd-disk-nbd1 /b ext4 _netdev 0 0\n"
		"/dev/nbd/by-name/bad /c ext4 _netdev 0 0\n");
	run(w);
	assert_string_equal(w->said, "");
	assert_int_equal(rmdir(w->out), 0);
	put(w, "/etc/fstab", "/dev/nbd/by-name/data /d ext4 _netdev 0 0\n");
	run(w);
	assert_non_null(strstr(w->said, "/d is to be mounted"));
	assert_non_null(strstr(w->said, "/etc/nbdtab"));
}

/*
 * Neither a service for it, nor a word about its mounts, which need none; but somebody
 * stands by for its supervisor.
 */
static void test_disk_of_initramfs(void **state)
{
	struct world *w = *state;
	char command[128];

	snprintf(command, sizeof(command), "mkdir -p %s/run/nbd-attach/root", w->root);
	assert_int_equal(system(command), 0);
	put(w, "/run/nbd-attach/root/initrd", "");
	put(w, "/etc/nbd-attach/root.conf", URI "auto=yes\n");
	put(w, "/etc/fstab", "/dev/nbd/by-name/root-part1 /boot ext4 defaults 0 0\n");
	run(w);
	assert_string_equal(w->said, "");
	assert_wants(w, "sysinit.target", "nbd-attach-standby@root.service");
	assert_null(get(w, "nbd-attach.target.wants/nbd-attach@root.service"));
	assert_null(get(w, "boot.mount.d/" DROP_IN));
	assert_null(get(w, DEVICE "root.device.d/" DROP_IN));
}

static void test_unit_names(void **state _unused_)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{"/", "-.mount"},
		{"/srv", "srv.mount"},
		{"//srv///a/", "srv-a.mount"},
		{"/a-b/c d", "a\\x2db-c\\x20d.mount"},
		{"/.hidden/.x", "\\x2ehidden-.x.mount"},
		{"/a\\b:_.", "a\\x5cb:_..mount"},
		{"/\xc3\xa4", "\\xc3\\xa4.mount"},
	};
	char name[UNIT_NAME_SIZE], longest[UNIT_NAME_SIZE + 1];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_int_equal(unit_name_of_path(rows[i].path, ".mount", name), 0);
		assert_string_equal(name, rows[i].name);
	}
	assert_int_equal(unit_name_of_path("srv", ".mount", name), -EINVAL);
	/* 255 bytes are a name, 256 are none */
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[UNIT_NAME_SIZE + 1 - strlen(".mount")] = 0;
	assert_int_equal(unit_name_of_path(longest, ".mount", name), -ENAMETOOLONG);
	longest[UNIT_NAME_SIZE - strlen(".mount") - 4] = 0;
	assert_int_equal(unit_name_of_path(longest, ".mount", name), 0);
	memset(longest + 1, '-', UNIT_NAME_SIZE - 2);
	assert_int_equal(unit_name_of_path(longest, ".mount", name), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_auto, setup, teardown),
		cmocka_unit_test(test_unit_names),
		cmocka_unit_test_setup_teardown(test_triggers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_that_hang, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mount_of_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mount_of_nbdtab, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_configured, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_of_initramfs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
