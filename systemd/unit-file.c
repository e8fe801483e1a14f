/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/text.h"
#include "unit-file.h"

#define DROP_IN "50-nbd-attach.conf"

static int make_folder(
	const char *folder, const char *unit, const char *suffix, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s.%s", folder, unit, suffix) >= PATH_MAX)
		return -ENAMETOOLONG;
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* The path of the wanted unit: systemd compares only names, and accepts the template's.
 */
static int find_unit(const char *unit, char path[PATH_MAX])
{
	const char *at = strchr(unit, '@');
	int n;

	if (text_ends_with(unit, ".mount")) /* made by another generator, here */
		n = snprintf(path, PATH_MAX, "../%s", unit);
	else if (at)
		n = snprintf(path, PATH_MAX, UNIT_FOLDER "/%.*s@%s", (int)(at - unit),
			unit, strrchr(unit, '.'));
	else
		n = snprintf(path, PATH_MAX, UNIT_FOLDER "/%s", unit);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int make_link(const char *folder, const char *unit, const char *wanted)
{
	char path[PATH_MAX], link[PATH_MAX];
	int r = make_folder(folder, unit, "wants", path);

	if (r < 0)
		return r;
	if (snprintf(link, sizeof(link), "%s/%s", path, wanted) >= PATH_MAX)
		return -ENAMETOOLONG;
	r = find_unit(wanted, path);
	if (r == 0 && symlink(path, link) < 0 && errno != EEXIST)
		r = -errno;
	return r;
}

void unit_file_want(const char *folder, const char *unit, const char *wanted)
{
	int r = make_link(folder, unit, wanted);

	if (r < 0)
		log_warning("cannot make %s want %s: %s", unit, wanted, strerror(-r));
}

static _printf_(3, 0) int write_drop_in(
	const char *folder, const char *unit, const char *format, va_list args)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[PATH_MAX], whole[PATH_MAX];
	int r = make_folder(folder, unit, "d", path);

	if (r < 0)
		return r;
	if (snprintf(whole, sizeof(whole), "%s/" DROP_IN, path) >= PATH_MAX)
		return -ENAMETOOLONG;
	file = fopen(whole, "we");
	if (!file || fputs("[Unit]\n", file) < 0 || vfprintf(file, format, args) < 0 ||
		fflush(file) != 0)
		return -errno;
	return 0;
}

void unit_file_drop_in(const char *folder, const char *unit, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = write_drop_in(folder, unit, format, args);
	va_end(args);
	if (r < 0)
		log_warning("cannot write a drop-in for %s: %s", unit, strerror(-r));
}
