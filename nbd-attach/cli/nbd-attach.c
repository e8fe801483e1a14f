/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "cli/help.h"
#include "cli/verbs.h"
#include "common/log.h"
#include "common/program.h"
#include "common/text.h"
#include "link/worker-exec.h"

static int (*const run_verb[VERB_COUNT])(const struct arguments *a, struct error *err) = {
#define VERB(NAME, name, ...) verb_##name,
#include "cli/verbs.def"
};

/* VERB_COUNT: unknown. */
static enum verb find_verb(const char *name)
{
	size_t i = 0;

	while (i < VERB_COUNT && strcmp(verb_words[i].name, name) != 0)
		i++;
	return (enum verb)i;
}

static int run(int argc, char **argv, struct error *err)
{
	struct arguments a;
	char quoted[64];
	enum verb verb;
	int r;

	if (argc < 2)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"no command given: see nbd-attach --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return help_print();
	if (strcmp(argv[1], "--version") == 0)
		return puts("nbd-attach " PACKAGE_VERSION) < 0 ? -errno : 0;
	verb = find_verb(argv[1]);
	if (verb == VERB_COUNT)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"unknown command %s: see nbd-attach --help",
			text_quote(argv[1], strlen(argv[1]), quoted, sizeof(quoted)));
	r = arguments_parse(argc - 1, argv + 1, verb, &a, err);
	if (r < 0)
		return r;
	if (a.help)
		return help_print();
	log_setup("nbd-attach", a.verbose);
	return run_verb[verb](&a, err);
}

int main(int argc, char **argv)
{
	struct error err = {0};

	worker_exec_init(argv);
	program_begin("nbd-attach");
	return program_end(run(argc, argv, &err), &err);
}
