/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The syntax of dracut.cmdline(7) and of nbd-client's README.Debian. It knows no TLS, so
 * TLS is required unless nbd.tls= says otherwise.
 *
 *	root=nbd:SERVER:WHAT[:FSTYPE[:ROOTFLAGS[:OPTIONS]]]   and so netroot=
 *	root=dhcp, netroot=dhcp             the root-path has this form
 *	nbdroot=SERVER,WHAT[,DEVICE]        or nbdroot=dhcp[,WHAT[,DEVICE]]
 *	nbdroot=SERVER:[PORT]/EXPORT        as its script also allows
 *
 * WHAT is PORT or EXPORT, or, except in nbdroot=, PORT/EXPORT. SERVER may be an IPv6
 * address in brackets.
 *
 * Anybody in the network can pretend to be its DHCP server. So a root-path may set the
 * server, the port, the export, the file system and its mount flags, sizes and times, but
 * nothing that decides whom we trust or which file we read: only the kernel command line
 * may.
 */
#include <errno.h>
#include <string.h>

#include <uriparser/Uri.h>

#include "common/text.h"
#include "target/boot-plan.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The parts of one form; they point into a copy of it. */
struct form {
	const char *server, *port, *export_name;
	const char *fstype, *flags, *device;
	char *options;
};

static int bad_form(const char *form, const char *what, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL, "%s %s",
		text_quote(form, strlen(form), quoted, sizeof(quoted)), what);
}

static int not_by_dhcp(const char *what, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EPERM, "a DHCP server may not set %s",
		text_quote(what, strlen(what), quoted, sizeof(quoted)));
}

static bool is_dracut(const char *text)
{
	return strncmp(text, "nbd:", 4) == 0;
}

/* An address in brackets, or text up to one of the bytes in `end`. Returns the rest. */
static char *parse_server(char *text, const char *end, struct form *form)
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

/* PORT or EXPORT; `both`: PORT/EXPORT too. */
static void parse_what(char *what, bool both, struct form *form)
{
	size_t digits = strspn(what, DIGITS);

	if (digits == 0 || (what[digits] && !(both && what[digits] == '/'))) {
		form->export_name = what;
		return;
	}
	form->port = what;
	if (what[digits])
		form->export_name = what + digits + 1;
	what[digits] = 0;
}

/* SERVER:WHAT[:FSTYPE[:ROOTFLAGS[:OPTIONS]]] */
static bool parse_dracut(char *text, struct form *form)
{
	char *rest = parse_server(text, ":", form);
	char *what = strsep(&rest, ":");

	if (!what || !what[0])
		return false;
	parse_what(what, true, form);
	form->fstype = strsep(&rest, ":");
	form->flags = strsep(&rest, ":");
	form->options = rest;
	return true;
}

/* SERVER,WHAT[,DEVICE], or SERVER:[PORT]/EXPORT */
static bool parse_debian(char *text, struct form *form)
{
	bool commas = strchr(text, ',') != NULL;
	char *rest = parse_server(text, commas ? "," : ":", form), *what;

	/* a second colon: an IPv6 address without its brackets */
	if (!rest || !rest[0] || (!commas && rest[0] == ':'))
		return false;
	if (!commas) {
		parse_what(rest[0] == '/' ? rest + 1 : rest, true, form);
		return true;
	}
	what = strsep(&rest, ",");
	if (!what[0])
		return false;
	parse_what(what, false, form);
	form->device = rest;
	return true;
}

/* nbd-client's options. */
static const struct {
	const char *theirs, *ours; /* NULL: without effect here */
	bool harmless;             /* a DHCP server may set it */
} nbd_client_options[] = {
	{"b", "block-size", true},
	{"bs", "block-size", true},
	{"block-size", "block-size", true},
	{"C", "connections", true},
	{"conns", "connections", true},
	{"connections", "connections", true},
	{"t", "io-timeout", true},
	{"timeout", "io-timeout", true},
	{"R", "read-only", true},
	{"readonly", "read-only", true},
	{"A", "tls-ca", false},
	{"cacertfile", "tls-ca", false},
	{"F", "tls-cert", false},
	{"certfile", "tls-cert", false},
	{"K", "tls-key", false},
	{"keyfile", "tls-key", false},
	{"H", "tls-hostname", false},
	{"tlshostname", "tls-hostname", false},
	{"p", NULL, true},
	{"persist", NULL, true},
	{"s", NULL, true},
	{"swap", NULL, true},
	{"m", NULL, true},
	{"systemd-mark", NULL, true},
	{"n", NULL, true},
	{"nofork", NULL, true},
	{"g", "no-go", true},
	{"no-optgo", "no-go", true},
	{"L", NULL, true},
	{"nonetlink", NULL, true},
	{"x", NULL, true},
	{"enable-tls", NULL, true},
};

static int set_known_option(
	size_t i, const char *value, struct boot_disk *disk, struct error *err)
{
	const char *ours = nbd_client_options[i].ours;

	if (disk->from_dhcp && !nbd_client_options[i].harmless)
		return not_by_dhcp(nbd_client_options[i].theirs, err);
	/* 0 means no timeout to nbd-client, which is the default here */
	if (!ours ||
		(strcmp(ours, "io-timeout") == 0 && value && strcmp(value, "0") == 0))
		return 0;
	return boot_disk_option(disk, ours, value, err);
}

static int set_option(
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
	for (size_t i = 0; i < ELEMENTSOF(nbd_client_options); i++)
		if (strcmp(option, nbd_client_options[i].theirs) == 0)
			return set_known_option(i, value, disk, err);
	return bad_form(option, "is not a known option", err);
}

static int set_options(struct form *form, struct boot_disk *disk, struct error *err)
{
	char *option;
	int r = 0;

	while (r == 0 && (option = strsep(&form->options, ",")))
		if (option[0])
			r = set_option(form, disk, option, err);
	return r;
}

/* A URI would decode a percent sign, except in an IPv6 address, where it begins the zone.
 */
static bool is_server(const char *text)
{
	const char *allowed =
		strchr(text, ':') ? LETTERS DIGITS ".:-_%" : LETTERS DIGITS ".-_";

	return text[0] && !text[strspn(text, allowed)];
}

static int make_uri(const struct form *form, bool tls, char **ret, struct error *err)
{
	const char *name = form->export_name ? form->export_name : "";
	_cleanup_free_ char *encoded = malloc(strlen(name) * 3 + 1);
	bool ipv6 = strchr(form->server, ':') != NULL;
	char *uri;

	if (!is_server(form->server))
		return bad_form(form->server, "is not a valid server", err);
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

/* The shell reads it in single quotes: boot_plan_print(). */
static int copy_word(const char *word, char **ret, struct error *err)
{
	if (!word || !word[0])
		return 0;
	if (word[strspn(word, LETTERS DIGITS ".,:;=/@%+_-")])
		return bad_form(word, "is not allowed here", err);
	*ret = strdup(word);
	return *ret ? 0 : error_memory(err);
}

/*
 * File systems on a disk, which a DHCP server may choose. Others (cifs with unc=) would
 * mount a root file system from another server, without a certificate.
 */
static bool is_disk_type(const char *fstype)
{
	static const char *const types[] = {"auto", "bcachefs", "btrfs", "erofs", "ext2",
		"ext3", "ext4", "f2fs", "iso9660", "jfs", "nilfs2", "reiserfs",
		"squashfs", "udf", "xfs"};

	for (size_t i = 0; i < ELEMENTSOF(types); i++)
		if (strcmp(fstype, types[i]) == 0)
			return true;
	return false;
}

static int set_mount(const struct form *form, bool from_dhcp, struct boot_plan *plan,
	struct error *err)
{
	int r;

	if (from_dhcp && form->fstype && form->fstype[0] && !is_disk_type(form->fstype))
		return not_by_dhcp(form->fstype, err);
	r = copy_word(form->fstype, &plan->fstype, err);
	return r < 0 ? r : copy_word(form->flags, &plan->flags, err);
}

/* "/dev/nbd3p1" and "nbd3" to "/dev/nbd3". */
static bool whole_disk(const char *text, char device[32])
{
	char *part;
	unsigned n;

	snprintf(device, 32, "%s%s", strncmp(text, "/dev/", 5) == 0 ? "" : "/dev/", text);
	part = strchr(device, 'p');
	if (part && part[1] && !part[1 + strspn(part + 1, DIGITS)])
		*part = 0;
	return target_parse_device(device, &n) == 0;
}

/* Decides which device root= means, and which device the disk will be. */
static int choose_root(const struct boot_legacy *legacy, const struct form *form,
	struct boot_plan *plan, struct boot_disk *disk, struct error *err)
{
	const char *root = legacy->root;
	bool given = root && root[0] && !is_dracut(root) && strcmp(root, "dhcp") != 0 &&
		strcmp(root, "/dev/root") != 0 && strcmp(root, "/dev/nfs") != 0;
	bool named = form->device && form->device[0];
	char by_root[32], device[32] = "";
	int r = 0;

	if (named && !whole_disk(form->device, device))
		return bad_form(form->device, "is not a device such as nbd0", err);
	if (given && whole_disk(root, by_root))
		strcpy(device, by_root);
	if (device[0])
		r = boot_disk_option(disk, "device", device, err);
	if (r < 0 || given)
		return r;
	plan->root = strdup(device[0] ? device : "/dev/nbd/by-name/" BOOT_LEGACY_NAME);
	return plan->root ? 0 : error_memory(err);
}

static int add_disk(
	struct boot_plan *plan, bool from_dhcp, struct boot_disk **ret, struct error *err)
{
	int r = boot_plan_add(plan, BOOT_LEGACY_NAME, strlen(BOOT_LEGACY_NAME), ret, err);

	if (r == 0)
		(*ret)->from_dhcp = from_dhcp;
	return r;
}

static int add_form(const struct boot_legacy *legacy, struct form *form, bool from_dhcp,
	struct boot_plan *plan, struct error *err)
{
	struct boot_disk *disk = NULL;
	int r = add_disk(plan, from_dhcp, &disk, err);

	if (r == 0)
		r = set_options(form, disk, err);
	if (r == 0)
		r = make_uri(form, legacy->tls == TLS_MODE_REQUIRE, &disk->uri, err);
	if (r == 0 && legacy->tls == TLS_MODE_PREFER)
		r = boot_disk_option(disk, "tls", "prefer", err);
	if (r == 0)
		r = choose_root(legacy, form, plan, disk, err);
	if (r == 0)
		r = set_mount(form, from_dhcp, plan, err);
	return r < 0 ? r : 1;
}

/* A root-path may be a URI, but over TCP only and without a query. */
static int add_uri(const struct boot_legacy *legacy, const char *uri,
	struct boot_plan *plan, struct error *err)
{
	_cleanup_target_ struct target t;
	const struct form none = {0};
	struct boot_disk *disk = NULL;
	int r;

	target_init(&t);
	r = target_parse_uri(&t, uri, err);
	if (r < 0)
		return r;
	if (t.transport != TRANSPORT_TCP || t.n_settings > 0)
		return error_set(err, FAULT_USAGE, -EPERM,
			"a DHCP server may set no more than server, port and export");
	r = add_disk(plan, true, &disk, err);
	if (r < 0)
		return r;
	disk->uri = strdup(uri);
	if (!disk->uri)
		return error_memory(err);
	if (t.tls == TLS_MODE_OFF && legacy->tls == TLS_MODE_PREFER)
		r = boot_disk_option(disk, "tls", "prefer", err);
	if (r == 0)
		r = choose_root(legacy, &none, plan, disk, err);
	return r < 0 ? r : 1;
}

static int read_dracut(const struct boot_legacy *legacy, bool from_dhcp,
	struct boot_plan *plan, struct error *err)
{
	_cleanup_free_ char *copy = strdup(legacy->text);
	struct form form = {0};

	if (!copy)
		return error_memory(err);
	if (!parse_dracut(copy + strlen("nbd:"), &form))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"it must be nbd:SERVER:PORT or nbd:SERVER:EXPORT");
	return add_form(legacy, &form, from_dhcp, plan, err);
}

/* The server's address, if the form leaves it to DHCP; NULL: not known. */
static const char *dhcp_server(const struct boot_hints *hints, bool in_root_path)
{
	const char *server = in_root_path ? NULL : hints->root_path;

	if (!server || !server[0])
		server = hints->root_server;
	return server && server[0] ? server : NULL;
}

static int read_debian(const struct boot_legacy *legacy, bool from_dhcp,
	const struct boot_hints *hints, struct boot_plan *plan, struct error *err)
{
	_cleanup_free_ char *copy = strdup(legacy->text);
	struct form form = {0};

	if (!copy)
		return error_memory(err);
	if (!parse_debian(copy, &form))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"it must be SERVER,PORT or SERVER,EXPORT");
	if (form.server[0] == 0 || strcmp(form.server, "dhcp") == 0) {
		form.server = dhcp_server(hints, from_dhcp);
		from_dhcp = true;
	}
	if (!form.server) {
		plan->ask_dhcp = true;
		return 0;
	}
	return add_form(legacy, &form, from_dhcp, plan, err);
}

/* The scheme itself is checked later. */
static bool is_uri(const char *text)
{
	return strncmp(text, "nbd", 3) == 0 &&
		strncmp(text + strcspn(text, ":,="), "://", 3) == 0;
}

static void note_source(struct boot_legacy *legacy, const char *key, const char *text)
{
	legacy->key = key;
	legacy->text = text;
}

/* Everything is in the root-path. */
static int read_root_path(struct boot_legacy *legacy, const struct boot_hints *hints,
	struct boot_plan *plan, struct error *err)
{
	const char *path = hints->root_path;

	if (!path || !path[0]) {
		plan->ask_dhcp = true;
		return 0;
	}
	note_source(legacy, "DHCP's root-path ", path);
	if (is_uri(path))
		return add_uri(legacy, path, plan, err);
	if (is_dracut(path))
		return read_dracut(legacy, true, plan, err);
	if (!legacy->nbdroot)
		return 0; /* root=dhcp may mean another kind of disk */
	if (strncmp(path, "nbdroot=", 8) == 0)
		legacy->text += 8;
	return read_debian(legacy, true, hints, plan, err);
}

int boot_legacy_read(struct boot_legacy *legacy, const struct boot_hints *hints,
	struct boot_plan *plan, struct error *err)
{
	const char *root = legacy->root ? legacy->root : "";

	if (is_dracut(root)) {
		note_source(legacy, "root=", root);
		return read_dracut(legacy, false, plan, err);
	}
	if (legacy->netroot && is_dracut(legacy->netroot)) {
		note_source(legacy, "netroot=", legacy->netroot);
		return read_dracut(legacy, false, plan, err);
	}
	if (legacy->nbdroot && strcmp(legacy->nbdroot, "dhcp") != 0) {
		note_source(legacy, "nbdroot=", legacy->nbdroot);
		return read_debian(legacy, false, hints, plan, err);
	}
	if (legacy->netroot || legacy->nbdroot || strcmp(root, "dhcp") == 0)
		return read_root_path(legacy, hints, plan, err);
	return 0;
}
