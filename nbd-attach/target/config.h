/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files: NAME.conf with one section [attach], whose keys are uri=, auto=,
 * trigger=, initrd= and the options. A file in /etc/nbd-attach hides one of the same name
 * in /run/nbd-attach, that one in /usr/local/lib/nbd-attach, and that in
 * /usr/lib/nbd-attach. Drop-ins, NAME.conf.d/ *.conf in any of these folders, are read
 * after it, in the order of their file names; of those with the same name the same rule
 * holds. A file that is empty or a link to /dev/null is as good as none, and hides
 * others.
 */
#pragma once

#include "target/target.h"

#define CONFIG_PLACE "/etc/nbd-attach"

struct config {
	struct target target; /* checked; its name is the file's */
	bool automatic;       /* auto=yes: attached when the system starts */
	bool initrd;          /* initrd=yes: attached in the initramfs, which holds it */
	char *trigger;        /* "net" or "net:INTERFACE"; NULL: none */
};

void config_done(struct config *c);
#define _cleanup_config_ _cleanup_(config_done)

/*
 * Reads what NAME.conf and its drop-ins say. `root` goes before each path, "" as a rule.
 * -ENOENT with FAULT_NO_SUCH: there is no such file; any other failure is FAULT_USAGE and
 * names file and line. Then ret->initrd is true if it stands before what is wrong, or if
 * that is an option; nothing else in *ret is filled.
 */
int config_read(
	const char *root, const char *name, struct config *ret, struct error *err);

/*
 * One file's text into a config that is being filled. Two rounds over all files: the
 * first takes uri=, auto=, trigger= and initrd=, the second the options, which stand
 * above what the URI says. FAULT_USAGE, "FILE:LINE: …".
 */
enum config_round { CONFIG_ROUND_URI, CONFIG_ROUND_OPTIONS };
int config_parse(struct config *c, enum config_round round, const char *file,
	const char *text, size_t size, struct error *err);

/* Calls fn for each file that config_read() reads. Its negative return ends it. */
typedef int (*config_file_fn)(const char *path, void *userdata);
int config_files(const char *root, const char *name, config_file_fn fn, void *userdata,
	struct error *err);

/*
 * Calls fn for the name of each NAME.conf that is not hidden by an empty one; names may
 * come in any order, each once. Its negative return ends it and is returned.
 */
typedef int (*config_name_fn)(const char *name, void *userdata);
int config_list(const char *root, config_name_fn fn, void *userdata);
