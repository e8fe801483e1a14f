/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "attachment/claim.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "cli/verbs.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/side-by-side.h"
#include "common/text.h"
#include "common/timeouts.h"
#include "kernel/usage.h"
#include "supervisor/spawn.h"

/*
 * Of --all: so many at a time. Each mostly waits: for its supervisor, the driver, udev,
 * and for a server that does not answer.
 */
#define DETACH_WIDTH 32

/*
 * If the device turns out to be in use after its supervisor was stopped, starts another
 * supervisor.
 */
static int detach(const char *name, bool force, struct error *err)
{
	char *argv[] = {NULL, (char *)name, NULL};
	bool let_go = false;
	struct error this;
	unsigned index;
	int r = attachment_remove(name, force, &let_go, err);

	if (!let_go)
		return r;
	interrupt_clear(); /* this must not be interrupted */
	if (spawn_supervisor(argv, DETACH_SPAWN_TIMEOUT, &index, &this) < 0)
		log_warning("%s is no longer supervised: %s", name, this.text);
	return r;
}

/* ---- --all ---- */

struct names {
	char **list;
	size_t n;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}

static int add_name(const char *name, void *userdata)
{
	struct names *names = userdata;
	char **grown;

	/* The system may run from it: "all" does not mean that. */
	if (claim_is_initrd(name)) {
		log_warning(
			"not detaching %s, which was attached in the initramfs: name it to "
			"detach it",
			name);
		return 0;
	}
	grown = reallocarray(names->list, names->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	names->list = grown;
	grown[names->n] = strdup(name);
	return grown[names->n++] ? 0 : -ENOMEM;
}

struct detach_all {
	const struct names *names;
	bool force;
};

static int detach_one(size_t i, const void *userdata, struct error *err)
{
	const struct detach_all *all = userdata;

	return detach(all->names->list[i], all->force, err);
}

/* In the order of the names, whichever ended first. */
static int report(
	const struct names *names, const struct outcome *outcomes, struct error *err)
{
	char left[ERROR_TEXT_SIZE / 2] = "";
	int first = 0;

	for (size_t i = 0; i < names->n; i++) {
		const struct outcome *o = &outcomes[i];
		size_t used = strlen(left);

		if (o->r == -EINTR) {
			snprintf(left + used, sizeof(left) - used, "%s%s",
				used ? ", " : "", names->list[i]);
		} else if (o->r < 0 && first < 0) {
			log_error("%s", o->error.text);
		} else if (o->r < 0 && o->r != -ENOENT) {
			first = o->r;
			*err = o->error;
		}
	}
	if (!left[0])
		return first;
	if (first < 0)
		log_error("%s", err->text);
	return error_set(err, FAULT_OTHER, -EINTR, "interrupted; not detached: %s", left);
}

static int detach_names(const struct names *names, bool force, struct error *err)
{
	const struct detach_all all = {.names = names, .force = force};
	_cleanup_free_ struct outcome *outcomes = NULL;

	if (names->n == 0)
		return 0;
	outcomes = calloc(names->n, sizeof(*outcomes));
	if (!outcomes ||
		side_by_side(detach_one, &all, names->n, DETACH_WIDTH, outcomes) < 0)
		return error_memory(err);
	return report(names, outcomes, err);
}

static int detach_devices(bool force, struct error *err)
{
	_cleanup_(names_done) struct names names = {0};
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int r = sysfs_list(&list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const char *name = attachment_name(&list[i]);

		if (name && add_name(name, &names) < 0)
			return error_memory(err);
	}
	return detach_names(&names, force, err);
}

/* Those that the kernel has, and then those of which only the state is left. */
static int detach_all(bool force, struct error *err)
{
	_cleanup_(names_done) struct names names = {0};
	int r = detach_devices(force, err);

	if (r < 0)
		return r;
	if (claim_each(add_name, &names) == -ENOMEM)
		return error_memory(err);
	return detach_names(&names, force, err);
}

static int detach_device(unsigned index, bool force, struct error *err)
{
	struct sysfs_device device;
	const char *name;
	int r = sysfs_read(index, &device);

	if (r < 0 || !device.configured)
		return error_set(
			err, FAULT_NO_SUCH, -ENOENT, "/dev/nbd%u is not attached", index);
	name = attachment_name(&device);
	if (!name)
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"/dev/nbd%u was attached by another program: use that program to detach it",
			index);
	if (attachment_is_disconnected(&device)) {
		struct usage_user user = {.how = "something has it open"};

		(void)usage_find(index, &user);
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"/dev/nbd%u is detached already and disappears with the last close: %s",
			index, user.how);
	}
	return detach(name, force, err);
}

int verb_detach(const struct arguments *a, struct error *err)
{
	char quoted[128];
	unsigned index;

	if (a->all && !a->operand)
		return detach_all(a->force, err);
	if (a->all || !a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"expected either a name or device, or --all");
	if (target_parse_device(a->operand, &index) == 0)
		return detach_device(index, a->force, err);
	if (!target_name_is_valid(a->operand))
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"there is no attachment named %s",
			text_quote(
				a->operand, strlen(a->operand), quoted, sizeof(quoted)));
	return detach(a->operand, a->force, err);
}
