/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration file's bytes. What is taken can be shown and made again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/scope.h"
#include "rules.h"
#include "target-rules.h"
#include "target/config.h"

static int take(struct config *c, const char *text, size_t size, struct error *err)
{
	int r = config_parse(c, CONFIG_ROUND_URI, "file", text, size, err);

	if (r < 0 || !c->target.uri)
		return r;
	c->target.directory = strdup(CONFIG_PLACE);
	assert(c->target.directory);
	r = config_parse(c, CONFIG_ROUND_OPTIONS, "file", text, size, err);
	if (r < 0)
		return r;
	r = target_check(&c->target, err);
	if (r == 0)
		must_come_again(&c->target);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	_cleanup_config_ struct config c = {0};
	struct error err = {0};
	int r;

	target_init(&c.target);
	r = take(&c, text, size, &err);
	if (r < 0)
		must_be_told(r, &err);
	/* A failed attempt leaves a target that can still be thrown away. */
	if (r == 0 && c.target.uri)
		must_be_in_bounds(&c.target);
	if (c.trigger)
		assert(strncmp(c.trigger, "net", 3) == 0 && strlen(c.trigger) < 24);
	return 0;
}
