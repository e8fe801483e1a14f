/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What to attach before the root file system is mounted, according to the kernel command
 * line and a DHCP server's root-path:
 *
 *	nbd.attach=NAME[,URI][,OPTION[=VALUE]…]   once for each disk
 *	nbd.options=OPTION[=VALUE],…              for each disk that follows, or is legacy
 *	root=nbd:… netroot=nbd:…                  as dracut has them, also with dhcp
 *	nbdroot=…                                 as nbd-client has it, also with dhcp
 *	nbd.tls=require|prefer|off                for the legacy forms; default: require
 */
#pragma once

#include "target/target.h"

#define BOOT_DISKS_MAX   16
#define BOOT_LEGACY_NAME "root" /* of the disk that the legacy forms mean */

struct boot_disk {
	char name[NBD_NAME_MAX + 1];
	char *uri;      /* NULL: the name is configured */
	char **options; /* "option=value", or "option" */
	size_t n_options;
	bool from_dhcp; /* set by a DHCP server */
};

struct boot_plan {
	struct boot_disk disks[BOOT_DISKS_MAX];
	size_t n_disks;
	char *root;    /* the device that root= means; NULL: root= itself */
	char *fstype;  /* of that file system; NULL: not given */
	char *flags;   /* its mount options; NULL: not given */
	bool ask_dhcp; /* a root-path is needed, and not known yet */
};

void boot_plan_done(struct boot_plan *plan);
#define _cleanup_boot_plan_ _cleanup_(boot_plan_done)

/* What is known besides the kernel command line. NULL: nothing. */
struct boot_hints {
	const char *root_path;   /* DHCP option 17 */
	const char *root_server; /* the server that DHCP names with it */
	const char *nbdroot;     /* overrides nbdroot= */
};

/*
 * Reads the words up to "--", after which they are init's. A URI and its options are
 * checked together; options to a configured name only for themselves. A DHCP server may
 * choose what is attached, but the NBD server must prove its identity by TLS as nbd.tls=
 * says. FAULT_USAGE, and a line that names the word.
 */
int boot_plan_read(const char *cmdline, const struct boot_hints *hints,
	struct boot_plan *ret, struct error *err);

/*
 * Prints the plan as shell variables: NBD_ATTACH_NAMES, _DHCP, _ROOT, _FSTYPE, _FLAGS.
 * Values are in single quotes; none contains a quote or a newline.
 */
void boot_plan_print(const struct boot_plan *plan, FILE *out);

/* ---- for boot-legacy.c ---- */

/* Appends a disk with that name. */
int boot_plan_add(struct boot_plan *plan, const char *name, size_t name_size,
	struct boot_disk **ret, struct error *err);

/* Appends an option; `value` may be NULL. */
int boot_disk_option(
	struct boot_disk *disk, const char *option, const char *value, struct error *err);

/* The words of the command line that the legacy forms use; NULL: not given. */
struct boot_legacy {
	const char *root, *netroot, *nbdroot;
	enum tls_mode tls;

	const char *key, *text; /* the one that was read, for messages */
};

/* Adds the disk that a legacy form means. 1: added; 0: there is none. */
int boot_legacy_read(struct boot_legacy *legacy, const struct boot_hints *hints,
	struct boot_plan *plan, struct error *err);
