/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What other programs' documentation has users write: dracut.cmdline(7) and nbd-client's
 * README.Debian. TLS is on unless nbd.tls= says otherwise: they know none.
 *
 *	root=nbd:SERVER:WHAT[:FSTYPE[:ROOTFLAGS[:OPTIONS]]]        so netroot=
 *	root=dhcp, netroot=dhcp                                    the root-path is such a one
 *	nbdroot=SERVER,WHAT[,DEVICE]   nbdroot=dhcp[,WHAT[,DEVICE]]
 *	nbdroot=SERVER:[PORT]/EXPORT                               as its script has it, too
 *
 * WHAT is PORT, EXPORT or PORT/EXPORT. A SERVER may be an IPv6 address in brackets.
 */
#include <errno.h>
#include <string.h>

#include <uriparser/Uri.h>

#include "common/text.h"
#include "target/boot-plan.h"

/* What a form says; slices of a copy of it. */
struct form {
	char *server, *port, *export_name;
	char *fstype, *flags, *options;
	char *device;
};

static int bad_form(const char *form, const char *what, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL, "%s %s",
		text_quote(form, strlen(form), quoted, sizeof(quoted)), what);
}

/* An address in brackets, or what ends before one of the bytes in `end`: the rest. */
static char *cut_server(char *text, const char *end, struct form *form)
{
	char *stop = text[0] == '[' ? strchr(text, ']') : NULL;

	if (stop) {
		*stop++ = 0;
		text++;
	} else {
		stop = text + strcspn(text, end);
	}
	form->server = text;
	if (!*stop || !strchr(end, *stop))
		return NULL;
	*stop = 0;
	return stop + 1;
}

static void take_what(char *what, struct form *form)
{
	size_t digits = strspn(what, "0123456789");

	form->export_name = what;
	if (digits == 0 || (what[digits] && what[digits] != '/'))
		return;
	form->port = what;
	form->export_name = what[digits] ? what + digits + 1 : NULL;
	what[digits] = 0;
}

/* SERVER:WHAT[:FSTYPE[:ROOTFLAGS[:OPTIONS]]] */
static bool cut_dracut(char *text, struct form *form)
{
	char *rest = cut_server(text, ":", form);
	char *what = strsep(&rest, ":");

	if (!what || !what[0])
		return false;
	take_what(what, form);
	form->fstype = strsep(&rest, ":");
	form->flags = strsep(&rest, ":");
	form->options = rest;
	return true;
}

/* SERVER,WHAT[,DEVICE], or SERVER:[PORT]/EXPORT */
static bool cut_debian(char *text, struct form *form)
{
	bool commas = strchr(text, ',') != NULL;
	char *rest = cut_server(text, commas ? "," : ":", form), *what;

	if (!rest || !rest[0])
		return false;
	if (!commas) {
		take_what(rest[0] == '/' ? rest + 1 : rest, form);
		return true;
	}
	what = strsep(&rest, ",");
	if (!what[0])
		return false;
	take_what(what, form);
	form->device = rest;
	return true;
}

/* nbd-client's options; "" is without effect here. */
static const struct {
	const char *theirs, *ours;
} words[] = {
	{"b", "block-size"}, {"bs", "block-size"}, {"block-size", "block-size"},
	{"C", "connections"}, {"conns", "connections"}, {"connections", "connections"},
	{"t", "io-timeout"}, {"timeout", "io-timeout"}, {"R", "read-only"},
	{"readonly", "read-only"}, {"A", "tls-ca"}, {"cacertfile", "tls-ca"},
	{"F", "tls-cert"}, {"certfile", "tls-cert"}, {"K", "tls-key"},
	{"keyfile", "tls-key"}, {"H", "tls-hostname"}, {"tlshostname", "tls-hostname"},
	{"p", ""}, {"persist", ""}, {"s", ""}, {"swap", ""}, {"m", ""},
	{"systemd-mark", ""}, {"n", ""}, {"nofork", ""}, {"g", ""}, {"no-optgo", ""},
	{"L", ""}, {"nonetlink", ""}, {"x", ""}, {"enable-tls", ""},
};

static int take_option(
	struct form *form, struct boot_disk *disk, char *option, struct error *err)
{
	char *value;

	option += strspn(option, "-");
	value = strchr(option, '=');
	if (value)
		*value++ = 0;
	if (value && (strcmp(option, "name") == 0 || strcmp(option, "N") == 0)) {
		form->export_name = value;
		return 0;
	}
	for (size_t i = 0; i < ELEMENTSOF(words); i++) {
		if (strcmp(option, words[i].theirs) != 0)
			continue;
		/* there it means that nothing is ever given up */
		if (!words[i].ours[0] || (words[i].ours[0] == 'i' && value &&
						 strcmp(value, "0") == 0))
			return 0;
		return boot_disk_option(disk, words[i].ours, value, err);
	}
	return bad_form(option, "is no option that is known here", err);
}

static int take_options(struct form *form, struct boot_disk *disk, struct error *err)
{
	char *option;
	int r = 0;

	while (r == 0 && (option = strsep(&form->options, ",")))
		if (option[0])
			r = take_option(form, disk, option, err);
	return r;
}

static int make_uri(const struct form *form, bool tls, char **ret, struct error *err)
{
	const char *name = form->export_name ? form->export_name : "";
	_cleanup_free_ char *encoded = malloc(strlen(name) * 3 + 1);
	bool ipv6 = strchr(form->server, ':') != NULL;
	char *uri;

	if (form->server[0] == 0 ||
		form->server[strspn(form->server,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_%")])
		return bad_form(form->server, "is no server", err);
	if (!encoded)
		return error_memory(err);
	uriEscapeA(name, encoded, URI_FALSE, URI_FALSE);
	if (asprintf(&uri, "nbd%s://%s%s%s%s%s/%s", tls ? "s" : "", ipv6 ? "[" : "",
		    form->server, ipv6 ? "]" : "", form->port ? ":" : "",
		    form->port ? form->port : "", encoded) < 0)
		return error_memory(err);
	*ret = uri;
	return 0;
}

/* For a shell, in quotes. */
static int keep_word(const char *word, char **ret, struct error *err)
{
	if (!word || !word[0])
		return 0;
	if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      ".,:;=/@%+_-")])
		return bad_form(word, "is not allowed here", err);
	*ret = strdup(word);
	return *ret ? 0 : error_memory(err);
}

/* "/dev/nbd3p1" and "nbd3" to "/dev/nbd3". */
static bool whole_disk(const char *text, char device[32])
{
	unsigned n;

	snprintf(device, 32, "%s%s", strncmp(text, "/dev/", 5) == 0 ? "" : "/dev/", text);
	device[strcspn(device, "p")] = 0;
	return target_parse_device(device, &n) == 0;
}

/* Which device root= means, and which the disk is to be. */
static int choose_root(const struct boot_legacy *legacy, const struct form *form,
	struct boot_plan *plan, struct boot_disk *disk, struct error *err)
{
	const char *root = legacy->root;
	bool given = root && root[0] && strncmp(root, "nbd:", 4) != 0 &&
		strcmp(root, "dhcp") != 0 && strcmp(root, "/dev/root") != 0 &&
		strcmp(root, "/dev/nfs") != 0;
	char device[32] = "";
	bool fixed = (given && whole_disk(root, device)) ||
		(form->device && form->device[0] && whole_disk(form->device, device));
	int r = fixed ? boot_disk_option(disk, "device", device, err) : 0;

	if (r < 0 || given)
		return r;
	plan->root = strdup(fixed ? device : "/dev/nbd/by-name/" BOOT_LEGACY_NAME);
	return plan->root ? 0 : error_memory(err);
}

static int add(const struct boot_legacy *legacy, struct form *form, bool foreign,
	struct boot_plan *plan, struct error *err)
{
	bool tls = !legacy->tls || strcmp(legacy->tls, "require") == 0;
	struct boot_disk *disk;
	int r = boot_plan_add(
		plan, BOOT_LEGACY_NAME, strlen(BOOT_LEGACY_NAME), &disk, err);

	if (r < 0)
		return r;
	disk->foreign = foreign;
	r = take_options(form, disk, err);
	if (r == 0)
		r = make_uri(form, tls, &disk->uri, err);
	if (r == 0 && !tls)
		r = boot_disk_option(disk, "tls", legacy->tls, err);
	if (r == 0)
		r = choose_root(legacy, form, plan, disk, err);
	if (r == 0)
		r = keep_word(form->fstype, &plan->fstype, err);
	if (r == 0)
		r = keep_word(form->flags, &plan->flags, err);
	return r < 0 ? r : 1;
}

/* A root-path that is a URI says all in one word. */
static int add_uri(const struct boot_legacy *legacy, const char *uri,
	struct boot_plan *plan, struct error *err)
{
	const struct form none = {0};
	struct boot_disk *disk;
	int r = boot_plan_add(
		plan, BOOT_LEGACY_NAME, strlen(BOOT_LEGACY_NAME), &disk, err);

	if (r < 0)
		return r;
	disk->foreign = true;
	disk->uri = strdup(uri);
	if (!disk->uri)
		return error_memory(err);
	r = choose_root(legacy, &none, plan, disk, err);
	return r < 0 ? r : 1;
}

static int read_dracut(const struct boot_legacy *legacy, const char *text, bool foreign,
	struct boot_plan *plan, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct form form = {0};

	if (!copy)
		return error_memory(err);
	if (!cut_dracut(copy + strlen("nbd:"), &form))
		return bad_form(text, "is not nbd:SERVER:PORT or nbd:SERVER:EXPORT", err);
	return add(legacy, &form, foreign, plan, err);
}

static int read_debian(const struct boot_legacy *legacy, const char *text, bool foreign,
	const struct boot_hints *hints, struct boot_plan *plan, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct form form = {0};

	if (!copy)
		return error_memory(err);
	if (!cut_debian(copy, &form))
		return bad_form(text, "is not SERVER,PORT or SERVER,EXPORT", err);
	if (form.server[0] == 0 || strcmp(form.server, "dhcp") == 0) {
		const char *server = hints->root_path && hints->root_path[0]
			? hints->root_path
			: hints->root_server;

		if (!server || !server[0]) {
			plan->ask_dhcp = true;
			return 0;
		}
		form.server = (char *)server;
		foreign = true;
	}
	return add(legacy, &form, foreign, plan, err);
}

/* The whole is in the root-path. */
static int read_root_path(const struct boot_legacy *legacy,
	const struct boot_hints *hints, struct boot_plan *plan, struct error *err)
{
	const char *path = hints->root_path;

	if (!path || !path[0]) {
		plan->ask_dhcp = true;
		return 0;
	}
	if (strncmp(path, "nbd:", 4) == 0 && strncmp(path, "nbd://", 6) != 0)
		return read_dracut(legacy, path, true, plan, err);
	if (strncmp(path, "nbd", 3) == 0 && strstr(path, "://"))
		return add_uri(legacy, path, plan, err);
	if (!legacy->nbdroot)
		return 0; /* root=dhcp may mean another kind of disk */
	if (strncmp(path, "nbdroot=", 8) == 0)
		path += 8;
	return read_debian(legacy, path, true, hints, plan, err);
}

int boot_legacy_read(const struct boot_legacy *legacy, const struct boot_hints *hints,
	struct boot_plan *plan, struct error *err)
{
	const char *root = legacy->root ? legacy->root : "";

	if (legacy->tls && strcmp(legacy->tls, "require") != 0 &&
		strcmp(legacy->tls, "prefer") != 0 && strcmp(legacy->tls, "off") != 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"nbd.tls= is require, prefer or off");
	if (strncmp(root, "nbd:", 4) == 0)
		return read_dracut(legacy, root, false, plan, err);
	if (legacy->netroot && strcmp(legacy->netroot, "dhcp") != 0)
		return read_dracut(legacy, legacy->netroot, false, plan, err);
	if (legacy->nbdroot && legacy->nbdroot[0] && strcmp(legacy->nbdroot, "dhcp") != 0)
		return read_debian(legacy, legacy->nbdroot, false, hints, plan, err);
	if (legacy->netroot || legacy->nbdroot || strcmp(root, "dhcp") == 0)
		return read_root_path(legacy, hints, plan, err);
	return 0;
}
