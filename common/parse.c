/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/scope.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Reads the digits at the start of text; strtoull() alone would take signs and spaces. */
static int parse_digits(const char *text, const char **ret_rest, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE; /* digits have no other error */
	*ret_rest = end;
	*ret = value;
	return 0;
}

static int parse_scaled(
	const char *text, const struct unit *units, size_t n, uint64_t *ret)
{
	const char *rest;
	uint64_t value;
	int r;

	r = parse_digits(text, &rest, &value);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *rest;
	uint64_t value;
	int r;

	r = parse_digits(text, &rest, &value);
	if (r < 0)
		return r;
	if (*rest)
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int parse_bool(const char *text, bool *ret)
{
	static const char *const words[][2] = {
		{"0", "1"},
		{"no", "yes"},
		{"false", "true"},
		{"off", "on"},
	};

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		for (int value = 0; value < 2; value++)
			if (strcmp(text, words[i][value]) == 0) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

int parse_span(const char *text, usec_t *ret)
{
	static const struct unit units[] = {
		{"", USEC_PER_SEC},
		{"ms", USEC_PER_MSEC},
		{"s", USEC_PER_SEC},
		{"min", 60 * USEC_PER_SEC},
		{"h", 3600 * USEC_PER_SEC},
		{"d", 86400 * USEC_PER_SEC},
	};

	if (strcmp(text, "infinity") == 0) {
		*ret = USEC_INFINITY;
		return 0;
	}
	return parse_scaled(text, units, ELEMENTSOF(units), ret);
}

int parse_size(const char *text, uint64_t *ret)
{
	static const struct unit units[] = {
		{"", 1},
		{"K", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
	};

	return parse_scaled(text, units, ELEMENTSOF(units), ret);
}
