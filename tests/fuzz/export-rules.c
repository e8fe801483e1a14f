/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <string.h>

#include "export-rules.h"
#include "rules.h"
#include "wire/nbd-protocol.h"

static bool power_of_two(uint32_t n)
{
	return __builtin_popcount(n) == 1;
}

void must_be_export(const struct nbd_export *e)
{
	size_t length = strnlen(e->description, sizeof(e->description));

	assert(e->flags & NBD_FLAG_HAS_FLAGS);
	assert(e->size <= INT64_MAX);
	assert(power_of_two(e->minimum) && e->minimum <= 65536);
	assert(power_of_two(e->preferred) && e->preferred >= 512);
	assert(e->preferred >= e->minimum && e->maximum >= e->preferred);
	/* its own words, to be quoted where they are shown: they need not be clean */
	assert(length < sizeof(e->description));
	assert(is_utf8(e->description, length));
}
