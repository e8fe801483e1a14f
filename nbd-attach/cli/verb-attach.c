/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attachment/create.h"
#include "cli/verbs.h"
#include "supervisor/spawn.h"

static int print_device(unsigned index, struct error *err)
{
	if (printf("/dev/nbd%u\n", index) < 0 || fflush(stdout) != 0)
		return error_set(err, FAULT_OTHER, -errno,
			"/dev/nbd%u is attached, but its name cannot be printed: %m",
			index);
	return 0;
}

static int attach_alone(const struct arguments *a, struct error *err)
{
	_cleanup_attachment_ struct attachment attachment = ATTACHMENT_NONE;
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	r = arguments_target(a, &t, err);
	if (r < 0)
		return r;
	r = attachment_create(&t, false, &attachment, err);
	if (r < 0)
		return arguments_name_server(&t, r, err);
	attachment_warn(&attachment, &t);
	r = attachment_make_ready(&attachment, &t, err);
	if (r < 0)
		return attachment_give_up(&attachment, &t, r, err);
	return print_device(attachment.state.index, err);
}

/* The supervisor takes the same options and operand. */
static char **supervisor_arguments(const struct arguments *a)
{
	_cleanup_(spawn_argv_freep) char **argv =
		calloc(a->n_settings + 4, sizeof(*argv));
	size_t n = 1;

	if (!argv)
		return NULL;
	for (size_t i = 0; i < a->n_settings; i++, n++)
		if (asprintf(&argv[n], "--%s=%s", a->settings[i].option,
			    a->settings[i].value ? a->settings[i].value : "yes") < 0) {
			argv[n] = NULL;
			return NULL;
		}
	if (a->verbose && !(argv[n++] = strdup("--verbose")))
		return NULL;
	argv[n] = strdup(a->operand);
	if (!argv[n])
		return NULL;
	return TAKE_PTR(argv);
}

int verb_attach(const struct arguments *a, struct error *err)
{
	_cleanup_(spawn_argv_freep) char **argv = NULL;
	unsigned index = 0;
	int r;

	if (!a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"no server given: expected a URI such as nbds://server/export");
	if (a->no_daemon && a->foreground)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"--foreground and --no-daemon exclude each other");
	if (a->no_daemon)
		return attach_alone(a, err);
	argv = supervisor_arguments(a);
	if (!argv)
		return error_memory(err);
	if (a->foreground)
		return spawn_become(argv, err);
	r = spawn_supervisor(argv, USEC_INFINITY, &index, err);
	return r < 0 ? r : print_device(index, err);
}
