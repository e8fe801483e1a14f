/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attachment/attachment.h"
#include "attachment/create.h"
#include "cli/verbs.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "supervisor/spawn.h"
#include "target/config.h"

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

/* The supervisor takes the same options. */
static char **supervisor_arguments(const struct arguments *a, const char *operand)
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
	argv[n] = strdup(operand);
	if (!argv[n])
		return NULL;
	return TAKE_PTR(argv);
}

static int attach_supervised(
	const struct arguments *a, const char *operand, struct error *err)
{
	_cleanup_(spawn_argv_freep) char **argv = supervisor_arguments(a, operand);
	unsigned index = 0;
	int r;

	if (!argv)
		return error_memory(err);
	if (a->foreground)
		return spawn_become(argv, err);
	r = spawn_supervisor(argv, USEC_INFINITY, &index, err);
	return r < 0 ? r : print_device(index, err);
}

/* ---- --all ---- */

struct attach_all {
	const struct arguments *arguments;
	int result;
	struct error
		*err; /* of the first failure; the others are attached all the same */
};

/* What the initramfs has attached keeps its own kind of supervisor. */
static int attach_if_automatic(
	const char *name, struct error *err, const struct arguments *a)
{
	_cleanup_config_ struct config c = {0};
	int r = config_read("", name, &c, err);

	if (r < 0)
		return r;
	if (!c.automatic || claim_is_initrd(name) || attachment_is_supervised(name))
		return 0;
	r = attach_supervised(a, name, err);
	return r < 0 ? error_prefix(err, r, "%s", name) : 0;
}

static int attach_one(const char *name, void *userdata)
{
	struct attach_all *all = userdata;
	struct error this = {0};
	int r = attach_if_automatic(name, &this, all->arguments);

	if (r < 0 && all->result < 0)
		log_error("%s", this.text);
	if (r < 0 && all->result == 0) {
		all->result = r;
		*all->err = this;
	}
	return interrupt_seen() ? -EINTR : 0;
}

static int attach_all(const struct arguments *a, struct error *err)
{
	struct attach_all all = {.arguments = a, .err = err};
	int r;

	if (a->operand || a->foreground || a->no_daemon || a->n_settings > 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"--all attaches what is configured with auto=yes, and takes no "
			"name, URI or other option");
	r = config_list("", attach_one, &all);
	if (r < 0 && all.result == 0)
		return error_set(
			err, FAULT_OTHER, r, "cannot attach all of " CONFIG_PLACE ": %m");
	return all.result;
}

int verb_attach(const struct arguments *a, struct error *err)
{
	if (a->all)
		return attach_all(a, err);
	if (!a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"no server given: expected a URI such as nbds://server/export");
	if (a->no_daemon && a->foreground)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"--foreground and --no-daemon exclude each other");
	if (a->no_daemon)
		return attach_alone(a, err);
	return attach_supervised(a, a->operand, err);
}
