/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Untrusted text, made safe to print. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Replaces, in place, each control character of a NUL-terminated text by spaces and each
 * byte that is not UTF-8 by "?". Here and below, control characters include those of
 * Unicode that break lines, change the direction of text, or are invisible.
 */
void text_flatten(char *text);

/*
 * Writes `size` bytes of untrusted text into out as "quoted", NUL-terminated: at most
 * out_size - 1 bytes, cut with "…" where there are more; control characters, quotes,
 * backslashes and bytes that are not valid UTF-8 become "?". Returns out.
 * out_size is at least 16.
 */
char *text_quote(const void *foreign, size_t size, char *out, size_t out_size);

/*
 * Writes JSON made by json-c, which escapes C0 only: other control characters become
 * \uXXXX, which means the same, and a byte that is not UTF-8 becomes U+FFFD. For failures
 * see ferror().
 */
void text_put_json(FILE *file, const char *json);

/* Whether both are the same text; NULL is the empty text. */
bool text_is_same(const char *a, const char *b);

/* Whether size bytes are valid UTF-8 without NUL (the protocol's rule for strings). */
bool text_is_utf8(const void *bytes, size_t size);

/*
 * For text that is only shown: drops NUL bytes at the end of `size` bytes, and replaces,
 * in place, the others and bytes that are not UTF-8 by "?". Returns the new size.
 */
size_t text_repair(char *text, size_t size);

/*
 * Writes bytes as they stand in the path of a URI: letters, digits and -._~/ as they are,
 * all others as %XX. For failures see ferror().
 */
void text_put_path(FILE *file, const void *bytes, size_t size);

bool text_ends_with(const char *text, const char *end);

/* How many of a UTF-8 text's `size` bytes to keep: at most max, no character cut. */
size_t text_cut(const char *text, size_t size, size_t max);
