/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the uri files and nbdtab-line.c; the public functions are in target.h. */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "target/target.h"

/* Decoded text, which may contain NUL bytes and is NUL-terminated. */
struct uri_bytes {
	char *data;
	size_t size;
};

void uri_bytes_done(struct uri_bytes *b);
#define _cleanup_uri_bytes_ _cleanup_(uri_bytes_done)

/* Percent-decodes size bytes. -ENOMEM. */
int uri_decode(const char *text, size_t size, struct uri_bytes *ret, struct error *err);

/* Whether a decoded host can be a name for the resolver, and a part of messages. */
bool uri_host_is_valid(const char *host, size_t size);

/* "the URI has …". Returns -EINVAL. */
int uri_fault(struct error *err, const char *what);

/*
 * Sets one parameter of a query. *seen keeps track, because each is allowed once. May
 * take ownership of the value's data.
 */
int uri_set_parameter(struct target *t, const struct uri_bytes *key,
	struct uri_bytes *value, unsigned *seen, struct error *err);

/* Parses a query, the text after the "?". */
int uri_parse_query(
	struct target *t, const char *query, unsigned *seen, struct error *err);
