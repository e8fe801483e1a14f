/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and times as people read them. Each writes into out, and returns it. */
#pragma once

#include <stdint.h>

#include "common/deadline.h"

#define HUMAN_SIZE 40

/* "64.0 MiB" */
const char *human_bytes(uint64_t bytes, char out[HUMAN_SIZE]);

/* "5min", "3h 20min", "infinity": the two largest units; 0 is "0s". */
const char *human_span(usec_t span, char out[HUMAN_SIZE]);

/* How long ago that was, as human_span(). Seconds, wall clock. */
const char *human_age(int64_t seconds, char out[HUMAN_SIZE]);

/* ISO 8601, in the local time zone: "2027-01-31T13:05:09+01:00". Seconds, wall clock. */
const char *human_local(int64_t seconds, char out[HUMAN_SIZE]);

/* "13:05:09", in the local time zone. Microseconds, wall clock. */
const char *human_clock(int64_t usec, char out[HUMAN_SIZE]);

/* ISO 8601: "2027-01-31T12:05:09.000123Z". Microseconds, wall clock. */
const char *human_utc(int64_t usec, char out[HUMAN_SIZE]);
