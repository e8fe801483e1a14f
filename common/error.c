/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/param.h>

#include "common/error.h"
#include "common/text.h"

#define PREFIX_MAX 201

int error_set(struct error *err, enum fault fault, int r, const char *format, ...)
{
	va_list args;

	if (!err)
		return r;
	err->fault = fault;
	errno = -r;
	va_start(args, format);
	if (vsnprintf(err->text, sizeof(err->text), format, args) < 0)
		err->text[0] = 0;
	va_end(args);
	text_flatten(err->text);
	return r;
}

int error_prefix(struct error *err, int r, const char *format, ...)
{
	char prefix[PREFIX_MAX], rest[ERROR_TEXT_SIZE];
	size_t room;
	va_list args;

	if (!err)
		return r;
	va_start(args, format);
	if (vsnprintf(prefix, sizeof(prefix), format, args) < 0)
		prefix[0] = 0;
	va_end(args);
	memcpy(rest, err->text, sizeof(rest));
	room = sizeof(rest) - 1 - strlen(rest);
	room = MAX(room, ERROR_PREFIX_MIN) - strlen(": ");
	return error_set(err, err->fault, r, "%.*s: %s", (int)room, prefix, rest);
}

int error_memory(struct error *err)
{
	return error_set(err, FAULT_OTHER, -ENOMEM, "out of memory");
}
