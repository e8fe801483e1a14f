/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/scope.h"
#include "kernel/root-disk.h"

#define DEPTH_MAX 8 /* of stacked devices */

/* Path is a device's folder in /sys, or a link to it. */
static bool leads_to(const char *path, const char *disk, unsigned depth)
{
	_cleanup_free_ char *whole = realpath(path, NULL);
	_cleanup_(globfree) glob_t below = {};
	char pattern[PATH_MAX];
	bool found = false;

	if (!whole || depth > DEPTH_MAX)
		return false;
	snprintf(pattern, sizeof(pattern), "%s/", whole);
	if (strstr(pattern, disk))
		return true;
	snprintf(pattern, sizeof(pattern), "%s/slaves/*", whole);
	if (glob(pattern, GLOB_NOSORT, NULL, &below) != 0)
		return false;
	for (size_t i = 0; !found && i < below.gl_pathc; i++)
		found = leads_to(below.gl_pathv[i], disk, depth + 1);
	return found;
}

static bool device_is_on(dev_t device, const char *disk)
{
	char path[64];

	snprintf(
		path, sizeof(path), "/sys/dev/block/%u:%u", major(device), minor(device));
	return leads_to(path, disk, 0);
}

static bool file_is_on(const char *path, const char *disk)
{
	struct stat st;

	return stat(path, &st) == 0 && device_is_on(st.st_dev, disk);
}

/* btrfs has device numbers of its own, but the mount's source is the device. */
static bool root_mount_is_on(const char *mountinfo, const char *disk)
{
	_cleanup_fclose_ FILE *file = fopen(mountinfo, "re");
	_cleanup_free_ char *line = NULL;
	char where[8], source[PATH_MAX];
	const char *rest;
	size_t size = 0;
	struct stat st;

	while (file && getline(&line, &size, file) >= 0)
		if (sscanf(line, "%*s %*s %*s %*s %7s", where) == 1 &&
			strcmp(where, "/") == 0 && (rest = strstr(line, " - ")) &&
			sscanf(rest, " - %*s %4095s", source) == 1 && source[0] == '/' &&
			stat(source, &st) == 0 && S_ISBLK(st.st_mode) &&
			device_is_on(st.st_rdev, disk))
			return true;
	return false;
}

bool root_disk_is_on(unsigned index)
{
	char disk[32];

	snprintf(disk, sizeof(disk), "/block/nbd%u/", index);
	return file_is_on("/", disk) || file_is_on("/proc/self/exe", disk) ||
		file_is_on("/usr", disk) ||
		root_mount_is_on("/proc/self/mountinfo", disk);
}

bool root_disk_is_of_system(unsigned index)
{
	char disk[32];

	snprintf(disk, sizeof(disk), "/block/nbd%u/", index);
	return file_is_on("/proc/1/root/", disk) ||
		root_mount_is_on("/proc/1/mountinfo", disk);
}
