/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/* One export. The strings are UTF-8 without NUL bytes, and not terminated. */
typedef int (*opt_list_fn)(const char *name, size_t name_size, const char *description,
	size_t description_size, void *userdata);

/*
 * NBD_OPT_LIST: calls fn, which may be NULL, for each export; a negative return ends it.
 * Refusals as of option_refused(): -EPROTONOSUPPORT for TLS_REQD, -EACCES if the server
 * does not list its exports, and so on.
 */
int opt_list(struct negotiation *n, opt_list_fn fn, void *userdata, struct error *err);
