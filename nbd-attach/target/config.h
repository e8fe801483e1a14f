/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files: NAME.conf with one section [attach], whose keys are uri=, auto=,
 * trigger=, initrd= and the options. Files are searched in /etc/nbd-attach,
 * /run/nbd-attach, /usr/local/lib/nbd-attach and /usr/lib/nbd-attach, in this order; the
 * first of a name is used. Drop-ins, NAME.conf.d/ *.conf in any of these folders, are
 * read after it, in the order of their file names; the first of a name is used. A file
 * that is empty, or a link to /dev/null, masks those that come later.
 */
#pragma once

#include "target/target.h"

#define CONFIG_PLACE "/etc/nbd-attach"

struct config {
	struct target target; /* checked; name is that of the file */
	bool automatic;       /* auto=yes: attached when the system starts */
	bool initrd;          /* initrd=yes: attached in the initramfs, which holds it */
	char *trigger;        /* "net" or "net:INTERFACE"; NULL: none */
};

void config_done(struct config *c);
#define _cleanup_config_ _cleanup_(config_done)

/*
 * Reads NAME.conf and its drop-ins. `root` is put before each path, usually "". -ENOENT
 * with FAULT_NO_SUCH: there is no such file; any other failure is FAULT_USAGE and names
 * file and line. Then only ret->initrd is set: true if initrd=yes comes before the error,
 * or if the error is in an option.
 */
int config_read(
	const char *root, const char *name, struct config *ret, struct error *err);

/*
 * Adds one file's text to a config. All files are read twice: first for uri=, auto=,
 * trigger= and initrd=, then for the options, which override the URI's query.
 * FAULT_USAGE, "FILE:LINE: …".
 */
enum config_round { CONFIG_ROUND_URI, CONFIG_ROUND_OPTIONS };
int config_parse(struct config *c, enum config_round round, const char *file,
	const char *text, size_t size, struct error *err);

/* Calls fn for each file that config_read() reads, until it returns a negative value. */
typedef int (*config_file_fn)(const char *path, void *userdata);
int config_files(const char *root, const char *name, config_file_fn fn, void *userdata,
	struct error *err);

/*
 * Calls fn once for the name of each NAME.conf that is not masked, in any order, until it
 * returns a negative value, which is returned.
 */
typedef int (*config_name_fn)(const char *name, void *userdata);
int config_list(const char *root, config_name_fn fn, void *userdata);
