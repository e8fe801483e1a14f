/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/* One export: the strings are UTF-8 without NUL, not NUL-terminated. */
typedef int (*opt_list_fn)(const char *name, size_t name_size, const char *description,
	size_t description_size, void *userdata);

/*
 * NBD_OPT_LIST: calls fn (NULL: nobody) for each export; fn's negative return ends it.
 * A refusal is told as by option_refused(): -EPROTONOSUPPORT for TLS_REQD, -EACCES for a
 * server that does not list, and so on.
 */
int opt_list(struct negotiation *n, opt_list_fn fn, void *userdata, struct error *err);
