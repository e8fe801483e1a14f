/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>

#include <libkmod.h>

#include "common/log.h"
#include "common/scope.h"
#include "kernel/module.h"

DEFINE_CLEANUP(struct kmod_ctx *, kmod_unref)
DEFINE_CLEANUP(struct kmod_list *, kmod_module_unref_list)
DEFINE_CLEANUP(struct kmod_module *, kmod_module_unref)

/*
 * A kernel without an index below /lib/modules can still have the module: loaded by hand,
 * or built in, which only /sys/module/NAME shows (libkmod calls that state "coming").
 */
static bool is_present(struct kmod_ctx *ctx, const char *name)
{
	_cleanup_(kmod_module_unrefp) struct kmod_module *module = NULL;
	int state;

	if (kmod_module_new_from_name(ctx, name, &module) < 0)
		return false;
	state = kmod_module_get_initstate(module);
	return state >= 0 && state != KMOD_MODULE_GOING;
}

/*
 * An alias may match several modules, such as implementations of a cipher, of which this
 * machine supports some: one that loads is enough.
 */
static int probe_all(struct kmod_list *list)
{
	struct kmod_list *item;
	bool loaded = false;
	int r = -ENOENT;

	kmod_list_foreach(item, list)
	{
		_cleanup_(kmod_module_unrefp) struct kmod_module *module =
			kmod_module_get_module(item);
		int k = kmod_module_probe_insert_module(module,
			KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, NULL, NULL, NULL, NULL);

		log_debug("module %s: %s", kmod_module_get_name(module),
			k < 0 ? strerror(-k) : "there");
		if (k == 0)
			loaded = true;
		else
			r = k;
	}
	return loaded ? 0 : r;
}

static int explain(int r, const char *name, struct error *err)
{
	struct utsname kernel;

	if (r > 0)
		return error_set(err, FAULT_KERNEL, -EPERM,
			"kernel module '%s' is blacklisted in modprobe.d", name);
	if (r == -EPERM)
		return error_set(err, FAULT_KERNEL, r,
			"loading kernel module '%s' needs root (CAP_SYS_MODULE)", name);
	if (r != -ENOENT)
		return error_set(
			err, FAULT_KERNEL, r, "cannot load kernel module '%s': %m", name);
	if (uname(&kernel) < 0)
		kernel.release[0] = 0;
	return error_set(err, FAULT_KERNEL, r,
		"no kernel module '%s' for this kernel (%s)", name, kernel.release);
}

/* libkmod reports a file as missing when it runs out of descriptors. */
static int check_descriptors(void)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_CLOEXEC);

	return fd < 0 ? -errno : 0;
}

/* Asked first, because libkmod reads the indexes of all modules. */
static bool is_live(const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], state[16];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	file = fopen(path, "re");
	return file && fgets(state, sizeof(state), file) && strcmp(state, "live\n") == 0;
}

static int load(const char *name, struct error *err)
{
	_cleanup_(kmod_unrefp) struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	_cleanup_(kmod_module_unref_listp) struct kmod_list *list = NULL;
	int r, k;

	if (!ctx)
		return error_memory(err);
	kmod_set_log_priority(ctx, LOG_EMERG);
	r = kmod_module_new_from_lookup(ctx, name, &list);
	if (r >= 0)
		r = probe_all(list);
	if (r != 0 && is_present(ctx, name))
		r = 0;
	if (r == -ENOENT) {
		k = check_descriptors();
		r = k < 0 ? k : r;
	}
	return r != 0 ? explain(r, name, err) : 0;
}

int module_load(const char *name, struct error *err)
{
	if (!is_live(name))
		return load(name, err);
	log_debug("module %s: there", name);
	return 0;
}
