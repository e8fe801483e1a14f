/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "attachment/claim.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "cli/verbs.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"
#include "common/timeouts.h"
#include "kernel/usage.h"
#include "supervisor/spawn.h"

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

struct detach_all {
	bool force;
	int result;
	struct error
		*err; /* of the first failure; the others are detached all the same */
	char left[ERROR_TEXT_SIZE /
		2]; /* those not detached because of an interruption */
};

static void leave(struct detach_all *all, const char *name)
{
	size_t used = strlen(all->left);

	snprintf(all->left + used, sizeof(all->left) - used, "%s%s", used ? ", " : "",
		name);
}

static int detach_one(const char *name, void *userdata)
{
	struct detach_all *all = userdata;
	struct error this = {0};
	int r;

	/* The system may run from it: "all" does not mean that. */
	if (claim_is_initrd(name)) {
		log_warning(
			"not detaching %s, which was attached in the initramfs: name it to "
			"detach it",
			name);
		return 0;
	}
	r = interrupt_seen() ? -EINTR : detach(name, all->force, &this);
	if (r == -EINTR) {
		leave(all, name);
		return 0;
	}
	if (r < 0 && all->result < 0)
		log_error("%s", this.text);
	if (r < 0 && r != -ENOENT && all->result == 0) {
		all->result = r;
		*all->err = this;
	}
	return 0;
}

static int interrupted(const struct detach_all *all)
{
	if (all->result < 0)
		log_error("%s", all->err->text);
	return error_set(all->err, FAULT_OTHER, -EINTR, "interrupted; not detached: %s",
		all->left);
}

/* Those that the kernel has, and then those of which only the state is left. */
static int detach_all(bool force, struct error *err)
{
	struct detach_all all = {.force = force, .err = err};
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int r = sysfs_list(&list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const char *name = attachment_name(&list[i]);

		if (name)
			detach_one(name, &all);
	}
	if (all.result == 0 && !all.left[0])
		claim_each(detach_one, &all);
	return all.left[0] ? interrupted(&all) : all.result;
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
