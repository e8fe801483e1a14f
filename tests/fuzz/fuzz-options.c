/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options by the words of the command line and of configuration files. The first line is
 * a URI, each other one "option=value", or an option alone.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/scope.h"
#include "rules.h"
#include "target-rules.h"

static int set_line(struct target *t, const char *line, struct error *err)
{
	const char *equals = strchrnul(line, '=');
	_cleanup_free_ char *option = strndup(line, (size_t)(equals - line));
	size_t before = t->n_settings;
	int r;

	assert(option);
	r = target_set(t, option, *equals ? equals + 1 : NULL, err);
	if (r < 0)
		must_be_told(r, err);
	assert(t->n_settings == before + (r == 0));
	return r;
}

static int set_lines(struct target *t, char *lines, struct error *err)
{
	char *next;
	int r = 0;

	for (char *line = lines; r == 0 && line; line = next) {
		next = fuzz_next_line(line);
		r = set_line(t, line, err);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	_cleanup_target_ struct target t;
	char *lines = fuzz_next_line(text);
	struct error err = {0};

	target_init(&t);
	if (target_parse_uri(&t, text, &err) < 0 || set_lines(&t, lines, &err) < 0)
		return 0;
	must_be_in_bounds(&t);
	must_be_checked(&t);
	return 0;
}
