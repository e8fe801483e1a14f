/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the files that read a URI; the public functions are in target.h. */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "target/target.h"

/* Decoded text, which may have NUL bytes in it; one more follows its end. */
struct uri_bytes {
	char *data;
	size_t size;
};

void uri_bytes_done(struct uri_bytes *b);
#define _cleanup_uri_bytes_ _cleanup_(uri_bytes_done)

/* Undoes the percent-encoding of size bytes. -ENOMEM. */
int uri_decode(const char *text, size_t size, struct uri_bytes *ret, struct error *err);

/* "the URI has …". Returns -EINVAL. */
int uri_fault(struct error *err, const char *what);

/*
 * Sets one parameter of a query. *seen remembers which were set, since each may be there
 * once. Takes the value's data over where it can.
 */
int uri_set_parameter(struct target *t, const struct uri_bytes *key,
	struct uri_bytes *value, unsigned *seen, struct error *err);

/* Reads a query, the text after the "?". */
int uri_parse_query(
	struct target *t, const char *query, unsigned *seen, struct error *err);
