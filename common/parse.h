/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsers of numbers, time spans and sizes. All return 0, -EINVAL or -ERANGE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/deadline.h"

/* Decimal digits only: no sign, no space, no other base. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* "1"/"yes"/"true"/"on" and "0"/"no"/"false"/"off". */
int parse_bool(const char *text, bool *ret);

/* "90", "90s", "500ms", "5min", "2h", "1d", "infinity": microseconds. */
int parse_span(const char *text, usec_t *ret);

/* "512", "4K", "1M", "2G", "1T" (powers of 1024): bytes. */
int parse_size(const char *text, uint64_t *ret);
