/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs: each prints its result; a failure goes up in err. */
#pragma once

#include "cli/arguments.h"

#define VERB(NAME, name, ...) \
	int verb_##name(const struct arguments *a, struct error *err);
#include "cli/verbs.def"
