/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers, times and sizes: what is taken is what the digits and the unit say. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/parse.h"
#include "common/scope.h"
#include "rules.h"

/* Nothing wider is printed by the rules below. */
typedef unsigned __int128 wide;

/* The digits at the start, at most UINT64_MAX + 1; *ret_rest is what follows. */
static wide read_digits(const char *text, const char **ret_rest)
{
	const wide most = (wide)UINT64_MAX + 1;
	wide value = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (unsigned)(*text - '0');
		if (value > most)
			value = most;
	}
	*ret_rest = text;
	return value;
}

static void check_u64(const char *text)
{
	uint64_t value;
	const char *rest;
	int r = parse_u64(text, 7, UINT64_MAX - 7, &value);
	wide meant = read_digits(text, &rest);

	if (rest == text || *rest)
		assert(r == -EINVAL || (r == -ERANGE && meant > UINT64_MAX));
	else if (meant < 7 || meant > UINT64_MAX - 7)
		assert(r == -ERANGE);
	else
		assert(r == 0 && value == meant);
}

/* Of a parser with units: the factor of each, by its name. */
static void check_scaled(
	const char *text, int r, uint64_t value, const char *name, uint64_t factor)
{
	const char *rest;
	wide meant = read_digits(text, &rest) * factor;

	if (rest == text || strcmp(rest, name) != 0)
		return;
	if (meant > UINT64_MAX)
		assert(r == -ERANGE);
	else
		assert(r == 0 && value == meant);
}

static void check_size(const char *text)
{
	static const char *const names[] = {"", "K", "M", "G", "T"};
	uint64_t value;
	int r = parse_size(text, &value);

	assert(r == 0 || r == -EINVAL || r == -ERANGE);
	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		check_scaled(text, r, value, names[i], UINT64_C(1) << 10 * i);
	if (r == 0)
		assert(strchr("0123456789KMGT", text[strlen(text) - 1]));
}

static void check_span(const char *text)
{
	static const struct {
		const char *name;
		usec_t factor;
	} units[] = {
		{"", 1000000},
		{"ms", 1000},
		{"s", 1000000},
		{"min", 60000000},
		{"h", 3600000000},
		{"d", 86400000000},
	};
	usec_t value;
	int r = parse_span(text, &value);

	assert(r == 0 || r == -EINVAL || r == -ERANGE);
	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		check_scaled(text, r, value, units[i].name, units[i].factor);
	if (strcmp(text, "infinity") == 0)
		assert(r == 0 && value == USEC_INFINITY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	bool yes;

	check_u64(text);
	check_size(text);
	check_span(text);
	if (parse_bool(text, &yes) == 0)
		assert(strstr(yes ? "1 yes true on" : "0 no false off", text));
	return 0;
}
