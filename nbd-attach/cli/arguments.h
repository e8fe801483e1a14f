/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command's options and operand. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/words.h"
#include "target/target.h"

#define SETTINGS_MAX 64

struct arguments {
#define SWITCH(field, ...) bool field;
#include "cli/verbs.def"
	const char *operand; /* a URI, a name, a device; NULL: none */
	struct {
		const char *option, *value;
	} settings[SETTINGS_MAX];
	size_t n_settings;
};

/*
 * Reads argv[1…]; argv[0] is the verb. FAULT_USAGE: an option that the verb does not
 * take, a missing value, more than one operand.
 */
int arguments_parse(
	int argc, char **argv, enum verb verb, struct arguments *ret, struct error *err);

/*
 * The target that is configured with a name: by its file, or by the line of nbdtab with
 * that name or device. As arguments_target().
 */
int arguments_look_up(const char *name, struct target *ret, struct error *err);

/*
 * Fills and checks a target from the URI, or the name of a configuration (file or line of
 * nbdtab), and the options. FAULT_USAGE; -ENOENT with FAULT_NO_SUCH: nothing has that
 * name.
 */
int arguments_target(const struct arguments *a, struct target *ret, struct error *err);

/*
 * Puts the server before a failure's text, unless the text has it or is about usage.
 * Returns r.
 */
int arguments_name_server(const struct target *t, int r, struct error *err);
