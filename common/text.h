/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Foreign text made safe to show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Replaces, in place, each control character of a NUL-terminated text by spaces and each
 * byte that is not UTF-8 by "?". Control characters are, here and below, also those of
 * Unicode that break lines, turn the direction of text, or cannot be seen.
 */
void text_flatten(char *text);

/*
 * Writes `size` bytes of foreign text into out as "quoted", NUL-terminated: at most
 * out_size - 1 bytes, cut with "…" where there are more; control characters, quotes,
 * backslashes and bytes that are not valid UTF-8 become "?". Returns out.
 * out_size is at least 16.
 */
char *text_quote(const void *foreign, size_t size, char *out, size_t out_size);

/*
 * Writes JSON that json-c has made, which escapes C0 only: whatever else is a control
 * character becomes \uXXXX, which means the same, and a byte that is not UTF-8 U+FFFD. A
 * failure is in ferror().
 */
void text_put_json(FILE *file, const char *json);

/* Whether size bytes are valid UTF-8 without NUL (the protocol's rule for strings). */
bool text_is_utf8(const void *bytes, size_t size);

bool text_ends_with(const char *text, const char *end);

/* How many of the `size` bytes of a UTF-8 text to keep: at most max, no character cut. */
size_t text_cut(const char *text, size_t size, size_t max);
