/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/scope.h"
#include "common/text.h"

/* A literal and its size, which may count NUL bytes. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static void test_flatten(void **state _unused_)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"", ""},
		{"plain text", "plain text"},
		{"a\nb\r\nc\td", "a b  c d"},
		{"\x1b[31mred\x7f", " [31mred "},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"c1\xc2\x9b!", "c1  !"},
		{"\xe2\x80\xaeturned", "   turned"},
		{"\xe2\x80\xa6", "\xe2\x80\xa6"},
		{"zero\xe2\x80\x8bwidth\xef\xbb\xbf", "zero   width   "},
		{"tag\xf3\xa0\x81\x81", "tag    "},
		{"cut \xe2\x80", "cut ??"},
		{"\xff\n\xc3", "? ?"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", rows[i].in);
		text_flatten(text);
		assert_string_equal(text, rows[i].out);
	}
}

static void test_quote(void **state _unused_)
{
	static const struct {
		const char *in;
		size_t size;
		const char *out;
	} rows[] = {
		{BYTES(""), "\"\""},
		{BYTES("disk"), "\"disk\""},
		{BYTES("a b"), "\"a b\""},
		{BYTES("say \"hi\""), "\"say ?hi?\""},
		{BYTES("back\\slash"), "\"back?slash\""},
		{BYTES("a\nb\0c\x7f"), "\"a?b?c?\""},
		{BYTES("\x1b[2J"), "\"?[2J\""},
		{BYTES("\xc3\xa4"), "\"\xc3\xa4\""},
		{BYTES("\xc2\x9b"), "\"?\""},       /* C1: CSI */
		{BYTES("\xe2\x80\xae"), "\"?\""},   /* right-to-left override */
		{BYTES("\xe2\x80\xa8"), "\"?\""},   /* line separator */
		{BYTES("\xff\xfe"), "\"??\""},      /* never in UTF-8 */
		{BYTES("\xc3"), "\"?\""},           /* cut short */
		{BYTES("\xc0\x80"), "\"??\""},      /* overlong */
		{BYTES("\xed\xa0\x80"), "\"???\""}, /* surrogate */
		{BYTES("12345678901234567890"), "\"12345678901234567890\""},
		{BYTES("1234567890123456789012345678"),
			"\"1234567890123456789012345678\""},
		{BYTES("12345678901234567890123456789"),
			"\"12345678901234567890123456789\""},
		/* 30 bytes: one too many, and the mark needs three */
		{BYTES("123456789012345678901234567890"),
			"\"12345678901234567890123456…\""},
		{BYTES("1234567890123456789012345\xc3\xa4\xc3\xa4."),
			"\"1234567890123456789012345…\""},
		{BYTES("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
			"\"??????????????????????????…\""},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char out[32];

		assert_ptr_equal(
			text_quote(rows[i].in, rows[i].size, out, sizeof(out)), out);
		assert_string_equal(out, rows[i].out);
	}
}

/* What is left alone is what JSON is made of, and what can be seen. */
static void test_put_json(void **state _unused_)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"", ""},
		{"{\n  \"a\": \"b\\u001b\\n\\\"\"\n}",
			"{\n  \"a\": \"b\\u001b\\n\\\"\"\n}"},
		{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
			"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"},
		{"\x7f", "\\u007f"},
		{"\xc2\x80\xc2\x9b\xc2\x9f", "\\u0080\\u009b\\u009f"},
		{"\xc2\xad|\xd8\x9c", "\\u00ad|\\u061c"},
		{"\xe2\x80\x8b\xe2\x80\x8d\xe2\x80\x8f", "\\u200b\\u200d\\u200f"},
		{"\xe2\x80\xa8\xe2\x80\xaa\xe2\x80\xae", "\\u2028\\u202a\\u202e"},
		{"\xe2\x81\xa0\xe2\x81\xa6\xe2\x81\xa9", "\\u2060\\u2066\\u2069"},
		{"\xef\xbb\xbf", "\\ufeff"},
		{"\xf3\xa0\x81\xbf", "\\udb40\\udc7f"},
		{"\x9b|\xe2\x80", "\\ufffd|\\ufffd\\ufffd"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_free_ char *out = NULL;
		size_t size;
		FILE *file = open_memstream(&out, &size);

		assert_non_null(file);
		text_put_json(file, rows[i].in);
		assert_int_equal(fclose(file), 0);
		assert_string_equal(out, rows[i].out);
	}
}

static void test_is_utf8(void **state _unused_)
{
	static const struct {
		const char *in;
		size_t size;
		bool good;
	} rows[] = {
		{BYTES(""), true},
		{BYTES("disk\n"), true},
		{BYTES("\xc2\x80\xdf\xbf"), true},
		{BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), true},
		{BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
		{BYTES("a\0b"), false},
		{BYTES("\x80"), false},
		{BYTES("\xc1\xbf"), false},
		{BYTES("\xe0\x9f\xbf"), false},
		{BYTES("\xf0\x8f\xbf\xbf"), false},
		{BYTES("\xed\xa0\x80"), false},
		{BYTES("\xed\xbf\xbf"), false},
		{BYTES("\xf4\x90\x80\x80"), false},
		{BYTES("\xf8\x88\x80\x80\x80"), false},
		{BYTES("\xe2\x82"), false},
		{BYTES("\xe2\x82z"), false},
		{BYTES("\xc3"), false},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (text_is_utf8(rows[i].in, rows[i].size) != rows[i].good)
			fail_msg("row %zu", i);
}

static void test_cut(void **state _unused_)
{
	static const struct {
		const char *text;
		size_t max, kept;
	} rows[] = {
		{"", 0, 0},
		{"disk", 9, 4},
		{"disk", 4, 4},
		{"disk", 3, 3},
		{"a\xe2\x82\xac", 4, 4},
		{"a\xe2\x82\xac", 3, 1},
		{"a\xe2\x82\xac", 2, 1},
		{"a\xe2\x82\xac", 1, 1},
		{"\xe2\x82\xac", 2, 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		assert_int_equal(
			text_cut(rows[i].text, strlen(rows[i].text), rows[i].max),
			rows[i].kept);
}

/* Whatever comes in, what goes out is short, printable and whole. */
/* Text of qemu-nbd's user in Latin-1, and a description that takes its NUL along. */
static void test_repair(void **state _unused_)
{
	static const struct {
		const char *in;
		size_t size;
		const char *out;
	} rows[] = {
		{"", 0, ""},
		{"caf\xe9", 4, "caf?"},
		{"caf\xc3\xa9", 5, "caf\xc3\xa9"},
		{"disk\0\0", 6, "disk"},
		{"a\0b\0", 4, "a?b"},
		{"\0\0\0", 3, ""},
		{"\xff\xfe\x1b", 3, "??\x1b"},
		{"\xe2\x82", 2, "??"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char text[8] = {0};

		memcpy(text, rows[i].in, rows[i].size);
		assert_int_equal(text_repair(text, rows[i].size), strlen(rows[i].out));
		assert_memory_equal(text, rows[i].out, strlen(rows[i].out));
	}
}

static void test_put_path(void **state _unused_)
{
	static const char bytes[] = "aZ09-._~/ %\n\"\xc3\xa9\xe9";
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	text_put_path(file, bytes, sizeof(bytes)); /* with its NUL */
	fclose(file);
	assert_string_equal(out, "aZ09-._~/%20%25%0A%22%C3%A9%E9%00");
}

static void test_random(void **state _unused_)
{
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)random() % 64;
		size_t out_size = 16 + (size_t)random() % 64;
		/* On the heap and of the very size, for the address sanitizer. */
		_cleanup_free_ unsigned char *in = malloc(size + 1);
		_cleanup_free_ char *out = malloc(out_size), *flat = NULL;

		assert_non_null(in);
		assert_non_null(out);
		for (size_t i = 0; i < size; i++)
			in[i] = (unsigned char)(random() % 3
					? random()
					: "\xc3\xe2\x80\xf0"[random() % 4]);
		in[size] = 0;
		text_quote(in, size, out, out_size);
		assert_true(strlen(out) < out_size);
		assert_true(text_is_utf8(out, strlen(out)));
		assert_int_equal(out[strlen(out) - 1], '"');

		flat = strdup(out);
		assert_non_null(flat);
		text_flatten(flat);
		assert_string_equal(flat, out);
		text_flatten((char *)in);
		assert_true(text_is_utf8(in, strlen((char *)in)));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flatten),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_put_json),
		cmocka_unit_test(test_is_utf8),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_put_path),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
