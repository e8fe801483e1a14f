/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fstab.h"
#include "generate.h"
#include "target/config.h"
#include "target/nbdtab.h"
#include "unit-file.h"
#include "unit-name.h"

#define BOOT_TARGET     "remote-fs.target"
#define OUR_TARGET      "nbd-attach.target"
#define NETWORK_SERVICE "nbd-attach-net.service"
#define STANDBY_TARGET  "sysinit.target"
#define RUN_PLACE       "/run/nbd-attach/"

struct generation {
	const char *root;
	const char *folder;
};

/*
 * Units that refer to the device pull the service in. After=, so that a device that
 * appears for another reason does not.
 */
static void wire_device(const struct generation *g, const char *path, const char *name)
{
	char device[UNIT_NAME_SIZE];

	if (unit_name_of_path(path, ".device", device) == 0)
		unit_file_drop_in(g->folder, device,
			"Wants=nbd-attach@%s.service\nAfter=nbd-attach@%s.service\n",
			name, name);
}

static void wire_names(const struct generation *g, const char *name)
{
	char path[64 + NBD_NAME_MAX];

	snprintf(path, sizeof(path), DEVICE_BY_NAME "%s", name);
	wire_device(g, path, name);
	snprintf(path, sizeof(path), DEVICE_BY_ID "%s", name);
	wire_device(g, path, name);
}

static void wire_trigger(
	const struct generation *g, const char *trigger, const char *service)
{
	const char *interface = strchr(trigger, ':');
	char path[64], device[UNIT_NAME_SIZE];

	if (!interface) {
		unit_file_want(g->folder, NETWORK_SERVICE, service);
		return;
	}
	snprintf(path, sizeof(path), "/sys/subsystem/net/devices/%s", interface + 1);
	if (unit_name_of_path(path, ".device", device) == 0)
		unit_file_want(g->folder, device, service);
}

/* Attached before systemd runs, and its supervisor is not a service. */
static bool is_of_initramfs(const struct generation *g, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/run/nbd-attach/%s/initrd", g->root, name);
	return access(path, F_OK) == 0;
}

static int wire_entry(const char *name, void *userdata)
{
	const struct generation *g = userdata;
	_cleanup_config_ struct config c = {0};
	char service[UNIT_NAME_SIZE];
	struct error err = {0};

	if (!target_name_is_valid(name) || is_of_initramfs(g, name))
		return 0;
	/* A service that fails says more than a device that never appears. */
	wire_names(g, name);
	if (config_read(g->root, name, &c, &err) < 0) {
		log_warning("%s", err.text);
		return 0;
	}
	snprintf(service, sizeof(service), "nbd-attach@%s.service", name);
	if (c.automatic) {
		unit_file_want(g->folder, OUR_TARGET, service);
		unit_file_want(g->folder, BOOT_TARGET, OUR_TARGET);
	}
	if (c.trigger)
		wire_trigger(g, c.trigger, service);
	return 0;
}

static bool is_configured(const struct generation *g, const char *name)
{
	_cleanup_config_ struct config c = {0};
	struct error err = {0};

	return config_read(g->root, name, &c, &err) != -ENOENT ||
		err.fault != FAULT_NO_SUCH;
}

/*
 * A line of nbdtab may be attached by its device, by its name, or by nbd-client: the user
 * chooses by enabling a service.
 */
static bool is_in_nbdtab(const struct generation *g, const struct fstab_mount *m)
{
	bool found = false;

	for (size_t i = 0; !found && i < ELEMENTSOF(m->names); i++) {
		_cleanup_target_ struct target t;
		struct error err = {0};

		target_init(&t);
		found = m->names[i][0] &&
			nbdtab_read(g->root, m->names[i], NULL, &t, &err) != -ENOENT;
	}
	return found;
}

/* The disk of "vault-part1" is "vault", unless a disk has that name itself. */
static bool find_disk(const struct generation *g, const struct fstab_mount *m,
	char name[NBD_NAME_MAX + 1])
{
	if (m->names[0][0] && is_configured(g, m->names[0]))
		strcpy(name, m->names[0]);
	else if (m->names[1][0] && is_configured(g, m->names[1]))
		strcpy(name, m->names[1]);
	else
		return false;
	return true;
}

/*
 * Unmount before detaching, also without _netdev, and mount if the disk is attached late.
 * systemd adds the mount's other dependencies itself.
 */
static void wire_mount(
	const struct generation *g, const struct fstab_mount *m, const char *name)
{
	char mount[UNIT_NAME_SIZE], device[UNIT_NAME_SIZE];

	wire_device(g, m->device, name);
	if (unit_name_of_path(m->where, ".mount", mount) < 0 ||
		unit_name_of_path(m->device, ".device", device) < 0)
		return;
	unit_file_drop_in(g->folder, mount, "After=nbd-attach@%s.service\n", name);
	if (m->automatic)
		unit_file_want(g->folder, device, mount);
}

static void take_mount(const struct fstab_mount *m, void *userdata)
{
	const struct generation *g = userdata;
	char name[NBD_NAME_MAX + 1];

	for (size_t i = 0; i < ELEMENTSOF(m->names); i++)
		if (m->names[i][0] && is_of_initramfs(g, m->names[i]))
			return;
	if (m->hangs)
		log_warning(
			"/etc/fstab: %s waits for a disk that comes over the network, "
			"before there is a network: add _netdev to its options",
			m->where);
	if (!m->names[0][0])
		return;
	if (find_disk(g, m, name))
		wire_mount(g, m, name);
	else if (!is_in_nbdtab(g, m))
		log_warning("/etc/fstab: %s is to be mounted from %s, but there is no "
			    "%s/%s.conf, nor such a line in %s: nothing will attach it",
			m->where, m->device, CONFIG_PLACE, m->names[0], NBDTAB);
}

/*
 * The supervisors of the initramfs's disks are in no unit, so systemd would not notice
 * that one was killed. Path is /run/nbd-attach/NAME/initrd.
 */
static void wire_standby(const struct generation *g, const char *path)
{
	char name[NBD_NAME_MAX + 1], service[UNIT_NAME_SIZE];
	const char *start = path + strlen(g->root) + strlen(RUN_PLACE);
	size_t size = strcspn(start, "/");

	if (size > NBD_NAME_MAX)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)size, start);
	if (!target_name_is_valid(name))
		return;
	snprintf(service, sizeof(service), "nbd-attach-standby@%s.service", name);
	unit_file_want(g->folder, STANDBY_TARGET, service);
}

static void wire_standbys(const struct generation *g)
{
	_cleanup_(globfree) glob_t found = {0};
	char pattern[PATH_MAX];

	snprintf(pattern, sizeof(pattern), "%s" RUN_PLACE "*/initrd", g->root);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		wire_standby(g, found.gl_pathv[i]);
}

void generate(const char *root, const char *folder)
{
	struct generation g = {.root = root, .folder = folder};
	int r = config_list(root, wire_entry, &g);

	if (r < 0)
		log_warning("cannot look at all of %s: %s", CONFIG_PLACE, strerror(-r));
	fstab_read(root, take_mount, &g);
	wire_standbys(&g);
}
