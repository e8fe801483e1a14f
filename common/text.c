/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <string.h>

#include "common/scope.h"
#include "common/text.h"

#define ELLIPSIS    "…"
#define REPLACEMENT 0xfffd /* for a byte that is not UTF-8 */

/*
 * The length of the UTF-8 character that begins at bytes, 0 if none does: no overlong
 * form, no surrogate, nothing above U+10FFFF.
 */
static size_t utf8_decode(const unsigned char *bytes, size_t size, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code = bytes[0];
	size_t length;

	if (code < 0x80)
		length = 1;
	else if ((code & 0xe0) == 0xc0)
		length = 2;
	else if ((code & 0xf0) == 0xe0)
		length = 3;
	else if ((code & 0xf8) == 0xf0)
		length = 4;
	else
		return 0;
	if (length > size)
		return 0;
	if (length > 1)
		code &= 0x7fU >> length;
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return length;
}

/*
 * Besides C0 and C1: what breaks a line, changes the direction of text, or is invisible,
 * so that two names look alike.
 */
static bool is_control(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, /* soft hyphen */
		{0x61c, 0x61c},                           /* Arabic letter mark */
		{0x180e, 0x180e},                         /* Mongolian vowel separator */
		{0x200b, 0x200f},   /* zero width, marks of direction */
		{0x2028, 0x202e},   /* separators, embeddings and overrides */
		{0x2060, 0x206f},   /* word joiner, isolates, and deprecated ones */
		{0xfeff, 0xfeff},   /* zero width no-break space */
		{0xfff9, 0xfffb},   /* interlinear annotation */
		{0xe0000, 0xe007f}, /* tags */
	};

	for (size_t i = 0; i < ELEMENTSOF(ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

void text_flatten(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t code;
		size_t length = utf8_decode((unsigned char *)text, left, &code);

		if (length == 0) {
			*text = '?';
			length = 1;
		} else if (is_control(code)) {
			memset(text, ' ', length);
		}
		text += length;
		left -= length;
	}
}

char *text_quote(const void *foreign, size_t size, char *out, size_t out_size)
{
	const unsigned char *in = foreign;
	const size_t limit = out_size - 2; /* the closing quote and NUL */
	size_t at = 0, cut = 1;

	out[at++] = '"';
	while (size > 0) {
		uint32_t code = 0;
		size_t length = utf8_decode(in, size, &code);
		bool good =
			length > 0 && !is_control(code) && code != '"' && code != '\\';
		size_t room = good ? length : 1;

		if (at + room > limit) {
			memcpy(out + cut, ELLIPSIS, strlen(ELLIPSIS));
			at = cut + strlen(ELLIPSIS);
			break;
		}
		if (good)
			memcpy(out + at, in, length);
		else
			out[at] = '?';
		at += room;
		if (at + strlen(ELLIPSIS) <= limit)
			cut = at;
		if (length == 0)
			length = 1;
		in += length;
		size -= length;
	}
	out[at++] = '"';
	out[at] = 0;
	return out;
}

/* JSON escapes are UTF-16. */
static void put_escaped(FILE *file, uint32_t code)
{
	if (code < 0x10000)
		fprintf(file, "\\u%04x", code);
	else
		fprintf(file, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
			0xdc00 + (code & 0x3ff));
}

void text_put_json(FILE *file, const char *json)
{
	size_t left = strlen(json);

	while (left > 0) {
		uint32_t code = REPLACEMENT;
		size_t length = utf8_decode((const unsigned char *)json, left, &code);

		if (length == 0 || (is_control(code) && code >= 0x20))
			put_escaped(file, code);
		else
			fwrite(json, 1, length, file);
		length += length == 0;
		json += length;
		left -= length;
	}
}

bool text_is_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool text_is_utf8(const void *bytes, size_t size)
{
	const unsigned char *in = bytes;

	while (size > 0) {
		uint32_t code;
		size_t length = utf8_decode(in, size, &code);

		if (length == 0 || code == 0)
			return false;
		in += length;
		size -= length;
	}
	return true;
}

size_t text_repair(char *text, size_t size)
{
	while (size > 0 && text[size - 1] == 0)
		size--;
	for (size_t at = 0; at < size;) {
		uint32_t code = 0;
		size_t length = utf8_decode((unsigned char *)text + at, size - at, &code);

		if (length == 0 || code == 0) {
			text[at] = '?';
			length = 1;
		}
		at += length;
	}
	return size;
}

void text_put_path(FILE *file, const void *bytes, size_t size)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~/";
	const unsigned char *in = bytes;

	for (size_t i = 0; i < size; i++)
		fprintf(file, in[i] && strchr(plain, in[i]) ? "%c" : "%%%02X", in[i]);
}

size_t text_cut(const char *text, size_t size, size_t max)
{
	if (size <= max)
		return size;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

bool text_ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}
