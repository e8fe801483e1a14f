/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/scope.h"
#include "kernel/root-disk.h"

#define DEPTH_MAX 8 /* devices on devices */

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

bool root_disk_is_on(unsigned index)
{
	char disk[32], path[64];
	struct stat st;

	if (stat("/", &st) < 0)
		return false;
	snprintf(disk, sizeof(disk), "/block/nbd%u/", index);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev),
		minor(st.st_dev));
	return leads_to(path, disk, 0);
}
