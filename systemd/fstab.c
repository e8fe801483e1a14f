/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#include "common/scope.h"
#include "fstab.h"

static const char *after(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* The part of a name before "-part1", "" if it has none. */
static void cut_partition(const char *whole, char name[NBD_NAME_MAX + 1])
{
	size_t size = strlen(whole);

	while (size > 0 && isdigit((unsigned char)whole[size - 1]))
		size--;
	name[0] = 0;
	if (whole[size] && size > strlen("-part") &&
		size - strlen("-part") <= NBD_NAME_MAX &&
		after(whole + size - strlen("-part"), "-part"))
		snprintf(name, NBD_NAME_MAX + 1, "%.*s", (int)(size - strlen("-part")),
			whole);
}

/* False: not an nbd device. */
static bool take_names(const char *device, struct fstab_mount *m)
{
	const char *name = after(device, DEVICE_BY_NAME);
	const char *number = after(device, "/dev/nbd");

	if (!name)
		name = after(device, DEVICE_BY_ID);
	if (!name)
		return number && isdigit((unsigned char)number[0]);
	if (strlen(name) <= NBD_NAME_MAX)
		strcpy(m->names[0], name);
	cut_partition(name, m->names[1]);
	return true;
}

static bool is_mount(const struct mntent *entry)
{
	return entry->mnt_dir[0] == '/' && strcmp(entry->mnt_dir, "/") != 0 &&
		strcmp(entry->mnt_type, "swap") != 0;
}

static bool has(const struct mntent *entry, const char *option)
{
	return hasmntopt(entry, option) != NULL;
}

void fstab_read(const char *root, fstab_fn fn, void *userdata)
{
	char path[PATH_MAX], text[4096];
	struct mntent entry;
	FILE *file;

	snprintf(path, sizeof(path), "%s/etc/fstab", root);
	file = setmntent(path, "re");
	if (!file)
		return;
	while (getmntent_r(file, &entry, text, sizeof(text))) {
		struct fstab_mount m = {
			.device = entry.mnt_fsname, .where = entry.mnt_dir};

		if (!is_mount(&entry) || !take_names(entry.mnt_fsname, &m))
			continue;
		m.automatic =
			!has(&entry, "noauto") && !has(&entry, "x-systemd.automount");
		m.hangs = m.automatic && !has(&entry, "_netdev") &&
			!has(&entry, "nofail") && !has(&entry, "x-initrd.mount");
		fn(&m, userdata);
	}
	endmntent(file);
}
