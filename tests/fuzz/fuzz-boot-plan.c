/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel command line, and what DHCP and other scripts have said: after it, each
 * behind a NUL, the root-path, the server and NBDROOT.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/scope.h"
#include "rules.h"
#include "target-rules.h"
#include "target/boot-plan.h"

#define SAFE                                                                     \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;=/@%" \
	"+_-"

/* The text behind the NUL; NULL: none left. */
static const char *next_text(const char *text, const char *end)
{
	text += strlen(text) + 1;
	return text <= end ? text : NULL;
}

/* Five lines NAME='VALUE', of which a shell takes each as it stands. */
static void must_be_safe(const struct boot_plan *plan)
{
	static const char *const names[] = {"NAMES", "DHCP", "ROOT", "FSTYPE", "FLAGS"};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char *line, *next;

	assert(out);
	boot_plan_print(plan, out);
	fclose(out);
	assert(size == strlen(text));
	line = text;
	for (size_t i = 0; i < ELEMENTSOF(names); i++, line = next) {
		char begin[32];
		size_t length = (size_t)sprintf(begin, "NBD_ATTACH_%s='", names[i]);

		next = fuzz_next_line(line);
		assert(next && strncmp(line, begin, length) == 0);
		line += length;
		/* names are a list */
		assert(strspn(line, i == 0 ? SAFE " " : SAFE) + 1 == strlen(line));
		assert(line[strlen(line) - 1] == '\'');
	}
	assert(!*line);
}

static void set_all(struct target *t, const struct boot_disk *disk)
{
	struct error err = {0};

	for (size_t i = 0; i < disk->n_options; i++) {
		_cleanup_free_ char *option = strdup(disk->options[i]);
		char *value = strchr(option, '=');

		if (value)
			*value++ = 0;
		assert(strcmp(option, "name") != 0);
		assert(target_set(t, option, value, &err) == 0);
	}
}

/* What is on the command line anywhere, as init's or in quotes too. */
static bool says(const char *cmdline, const char *word)
{
	_cleanup_free_ char *plain = strdup(cmdline);
	char *out = plain;

	for (const char *in = cmdline; *in; in++)
		if (*in != '"')
			*out++ = *in;
	*out = 0;
	return strstr(plain, word) != NULL;
}

/* What a DHCP server may say, where the command line says nothing of trust. */
static void must_be_harmless(const struct boot_disk *disk)
{
	static const char *const allowed[] = {
		"block-size=", "connections=", "io-timeout=", "read-only", "device="};
	_cleanup_target_ struct target t;
	struct error err = {0};

	for (size_t i = 0; i < disk->n_options; i++) {
		bool found = false;

		for (size_t n = 0; n < ELEMENTSOF(allowed); n++)
			found |= strncmp(disk->options[i], allowed[n],
					 strlen(allowed[n])) == 0;
		assert(found);
	}
	target_init(&t);
	assert(target_parse_uri(&t, disk->uri, &err) == 0);
	assert(t.n_settings == 0);
}

static void check_from_dhcp(
	const struct boot_disk *disk, const struct target *t, const char *cmdline)
{
	assert(t->transport == TRANSPORT_TCP);
	assert(t->tls_verify_peer && t->tls_auth != TLS_AUTH_ANON);
	if (!says(cmdline, "nbd.tls=prefer") && !says(cmdline, "nbd.tls=off"))
		assert(t->tls == TLS_MODE_REQUIRE);
	if (!says(cmdline, "nbd.tls=off"))
		assert(t->tls != TLS_MODE_OFF);
	if (!says(cmdline, "nbd.options=") && !says(cmdline, "nbd.tls="))
		must_be_harmless(disk);
}

static void check_disk(const struct boot_disk *disk, const char *cmdline)
{
	_cleanup_target_ struct target t;
	struct error err = {0};

	target_init(&t);
	assert(target_name_is_valid(disk->name));
	if (disk->uri)
		assert(target_parse_uri(&t, disk->uri, &err) == 0);
	set_all(&t, disk);
	if (!disk->uri) {
		assert(!disk->from_dhcp);
		return;
	}
	assert(target_check(&t, &err) == 0);
	must_be_in_bounds(&t);
	must_come_again(&t);
	if (disk->from_dhcp)
		check_from_dhcp(disk, &t, cmdline);
}

static void check_plan(
	const struct boot_plan *plan, const char *cmdline, const struct boot_hints *hints)
{
	must_be_safe(plan);
	assert(plan->n_disks <= BOOT_DISKS_MAX);
	for (size_t i = 0; i < plan->n_disks; i++) {
		check_disk(&plan->disks[i], cmdline);
		/* a legacy form has been read, which is the last */
		if (plan->disks[i].from_dhcp) {
			assert(i == plan->n_disks - 1 && !plan->ask_dhcp);
			assert(hints->root_path || hints->root_server);
		}
		for (size_t n = 0; n < i; n++)
			assert(strcmp(plan->disks[i].name, plan->disks[n].name) != 0);
	}
	/* who has said nothing of NBD is left alone */
	if (!says(cmdline, "root=") && !hints->nbdroot)
		assert(!plan->root && !plan->fstype && !plan->flags && !plan->ask_dhcp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *cmdline = fuzz_text(data, size);
	const char *texts[3] = {0}, *text = cmdline;
	_cleanup_boot_plan_ struct boot_plan plan = {0};
	struct boot_hints hints;
	struct error err = {0};
	int r;

	for (size_t i = 0; i < ELEMENTSOF(texts); i++)
		text = texts[i] = text ? next_text(text, cmdline + size) : NULL;
	hints = (struct boot_hints){texts[0], texts[1], texts[2]};
	r = boot_plan_read(cmdline, &hints, &plan, &err);
	if (r < 0) {
		must_be_told(r, &err);
		assert(err.fault == FAULT_USAGE && plan.n_disks == 0);
		return 0;
	}
	check_plan(&plan, cmdline, &hints);
	return 0;
}
