/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text is judged by the C library here: by common/text.c it would always be found good.
 */
#include <assert.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "rules.h"

#define ERRNO_MAX 4095

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Called before the first input. */
int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	assert(setlocale(LC_CTYPE, "C.UTF-8"));
	return 0;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = 0;
	return text;
}

void *fuzz_copy(const void *data, size_t size)
{
	void *copy = malloc(size);

	assert(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

char *fuzz_next_line(char *text)
{
	char *end = strchr(text, '\n');

	if (!end)
		return NULL;
	*end = 0;
	return end + 1;
}

/* How many bytes the character at the start has; 0: it is none. */
static size_t decode(const char *bytes, size_t size, wchar_t *ret)
{
	mbstate_t state = {0};
	size_t length = mbrtowc(ret, bytes, size, &state);

	if (length == 0 || length > size)
		return 0;
	/* UTF-16's surrogates, and what Unicode has no room for, the library lets pass.
	 */
	return (*ret >= 0xd800 && *ret <= 0xdfff) || *ret > 0x10ffff ? 0 : length;
}

bool is_utf8(const char *bytes, size_t size)
{
	while (size > 0) {
		wchar_t code;
		size_t length = decode(bytes, size, &code);

		if (length == 0)
			return false;
		bytes += length;
		size -= length;
	}
	return true;
}

/* Turns the direction of the text after it. */
static bool turns(wchar_t code)
{
	return code == 0x61c || code == 0x200e || code == 0x200f ||
		(code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Takes no room, and combines with nothing: two texts look alike. */
static bool hides(wchar_t code)
{
	return (code >= 0x200b && code <= 0x200d) || code == 0x2060 || code == 0xfeff;
}

void must_be_clean(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		wchar_t code;
		size_t length = decode(text, left, &code);

		assert(length > 0);
		assert(!iswcntrl((wint_t)code));
		assert(!turns(code) && !hides(code));
		text += length;
		left -= length;
	}
}

void must_be_told(int r, const struct error *err)
{
	assert(r < 0 && r >= -ERRNO_MAX);
	assert(err->fault > FAULT_NONE && err->fault <= FAULT_MAX);
	assert(memchr(err->text, 0, sizeof(err->text)));
	assert(err->text[0]);
	must_be_clean(err->text);
}
