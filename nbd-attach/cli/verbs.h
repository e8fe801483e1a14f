/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs: each prints its result; a failure goes up in err. */
#pragma once

#include "cli/arguments.h"

int verb_attach(const struct arguments *a, struct error *err);
int verb_detach(const struct arguments *a, struct error *err);
int verb_list(const struct arguments *a, struct error *err);
int verb_status(const struct arguments *a, struct error *err);
int verb_monitor(const struct arguments *a, struct error *err);
int verb_check(const struct arguments *a, struct error *err);
int verb_info(const struct arguments *a, struct error *err);
