/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "unit-name.h"

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.';
}

int unit_name_of_path(const char *path, const char *suffix, char ret[UNIT_NAME_SIZE])
{
	size_t n = 0;

	if (path[0] != '/')
		return -EINVAL;
	path += strspn(path, "/");
	if (!path[0])
		ret[n++] = '-';
	while (path[0] && n + strlen("\\x00") < UNIT_NAME_SIZE) {
		if (path[0] == '/') {
			path += strspn(path, "/");
			if (path[0])
				ret[n++] = '-';
			continue;
		}
		if (is_plain(path[0]) && (path[0] != '.' || n > 0))
			ret[n++] = path[0];
		else
			n += (size_t)sprintf(ret + n, "\\x%02x", (unsigned char)path[0]);
		path++;
	}
	if (path[0] || n + strlen(suffix) >= UNIT_NAME_SIZE)
		return -ENAMETOOLONG;
	strcpy(ret + n, suffix);
	return 0;
}
