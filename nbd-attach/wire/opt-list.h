/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/* The most exports that are read. */
#define LIST_MAX 10000

/*
 * One export. The strings are at most NBD_STRING_MAX bytes, of any value, and not
 * terminated.
 */
typedef int (*opt_list_fn)(const char *name, size_t name_size, const char *description,
	size_t description_size, void *userdata);

/*
 * NBD_OPT_LIST: calls fn, which may be NULL, for each export; a negative return ends it.
 * At most LIST_MAX exports: FAULT_PROTOCOL, -E2BIG if there are more.
 * Refusals as of option_refused(): -EPROTONOSUPPORT for TLS_REQD, -EACCES if the server
 * does not list its exports, and so on.
 */
int opt_list(struct negotiation *n, opt_list_fn fn, void *userdata, struct error *err);
