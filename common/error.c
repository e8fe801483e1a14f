/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "common/error.h"
#include "common/text.h"

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
	char prefix[ERROR_TEXT_SIZE], rest[ERROR_TEXT_SIZE];
	va_list args;

	if (!err)
		return r;
	va_start(args, format);
	if (vsnprintf(prefix, sizeof(prefix), format, args) < 0)
		prefix[0] = 0;
	va_end(args);
	memcpy(rest, err->text, sizeof(rest));
	return error_set(err, err->fault, r, "%.200s: %s", prefix, rest);
}

int error_memory(struct error *err)
{
	return error_set(err, FAULT_OTHER, -ENOMEM, "out of memory");
}
