/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Foreign text made safe. The first byte is how much room there is for it. */
#include <assert.h>
#include <string.h>

#include "common/scope.h"
#include "common/text.h"
#include "rules.h"

#define OUT_SIZE_MIN 16

static void check_quote(const void *text, size_t size, size_t out_size)
{
	_cleanup_free_ char *out = malloc(out_size);
	size_t length;

	assert(out);
	assert(text_quote(text, size, out, out_size) == out);
	length = strnlen(out, out_size);
	assert(length >= 2 && length < out_size);
	assert(out[0] == '"' && strchr(out + 1, '"') == out + length - 1);
	assert(!strchr(out, '\\'));
	must_be_clean(out);
}

static void check_flatten(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	size_t length = strlen(text);

	text_flatten(text);
	assert(strlen(text) == length);
	must_be_clean(text);
}

/* JSON may have lines: what json-c does not escape is the end of one. */
static void check_json(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size), *out = NULL;
	size_t out_size = 0;
	FILE *file = open_memstream(&out, &out_size);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = '\n';
	assert(file);
	text_put_json(file, text);
	assert(fclose(file) == 0 && strlen(out) == out_size);
	for (char *line = out; line;) {
		char *next = fuzz_next_line(line);

		must_be_clean(line);
		line = next;
	}
}

static void check_cut(const char *text, size_t size, size_t max)
{
	size_t keep = text_cut(text, size, max);

	assert(keep <= size && keep <= max);
	assert(is_utf8(text, keep));
	/* no more is lost than one character, which has at most four bytes */
	assert(keep == size || keep + 4 > max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ void *text = NULL;
	bool good;

	if (size == 0)
		return 0;
	text = fuzz_copy(data + 1, size - 1);
	check_quote(text, size - 1, OUT_SIZE_MIN + data[0]);
	check_flatten(data + 1, size - 1);
	check_json(data + 1, size - 1);
	good = text_is_utf8(text, size - 1);
	assert(good == is_utf8(text, size - 1));
	if (good)
		check_cut(text, size - 1, data[0]);
	return 0;
}
