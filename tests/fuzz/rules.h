/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the fuzzers share: bytes made fit for the functions under test, and what must hold
 * of whatever comes of them. A rule that does not hold aborts, which the fuzzer takes for
 * a crash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/*
 * What each fuzzer defines and libFuzzer calls, for each input; AFL++ does so too, once
 * it is built with CC=afl-clang-fast in place of clang. Returns 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy with a NUL after it, of just that size, so that ASan sees each step beyond. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The same bytes without the NUL. */
void *fuzz_copy(const void *data, size_t size);

/* Cuts off the first line, whose end becomes a NUL. Returns the rest, NULL: none left. */
char *fuzz_next_line(char *text);

/* Whether it is UTF-8 without NUL, as the C library sees it. */
bool is_utf8(const char *bytes, size_t size);

/* One line that a terminal only shows. */
void must_be_clean(const char *text);

/* A failure: -errno, with its kind and one line for a person. */
void must_be_told(int r, const struct error *err);
