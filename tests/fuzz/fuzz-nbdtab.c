/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first line is the wanted name or device, the rest is the table. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/scope.h"
#include "rules.h"
#include "target-rules.h"
#include "target/nbdtab.h"

/* The line that was found is the wanted one. */
static void must_be_it(const struct target *t, const char *wanted)
{
	unsigned device;

	assert(t->name && target_name_is_valid(t->name) && t->device >= 0);
	if (target_parse_device(wanted, &device) == 0)
		assert((int)device == t->device);
	else
		assert(strcmp(t->name, wanted) == 0);
	/* there is no option in it that could do without */
	assert(t->tls != TLS_MODE_PREFER && t->tls_verify_peer);
}

static void must_be_of_line(const char *text)
{
	assert(strncmp(text, "tab:", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *wanted = fuzz_text(data, size);
	_cleanup_target_ struct target t;
	struct error err = {0};
	const char *tab;
	int r;

	tab = fuzz_next_line(wanted);
	target_init(&t);
	r = nbdtab_find("tab", tab ? tab : "", wanted, must_be_of_line, &t, &err);
	if (r < 0) {
		must_be_told(r, &err);
		assert(r != -ENOENT || err.fault == FAULT_NO_SUCH);
		return 0;
	}
	must_be_it(&t, wanted);
	must_be_in_bounds(&t);
	must_come_again(&t);
	return 0;
}
