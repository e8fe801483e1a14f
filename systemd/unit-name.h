/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of units that stand for paths: systemd.unit(5), "string escaping". */
#pragma once

#include <stddef.h>

#define UNIT_NAME_SIZE 256 /* systemd's own limit, with the NUL */

/*
 * "/dev/nbd/by-name/a-b" and ".device" to "dev-nbd-by\x2dname-a\x2db.device", as
 * systemd-escape --path does. -ENAMETOOLONG: no unit can have that name. -EINVAL: path is
 * not absolute.
 */
int unit_name_of_path(const char *path, const char *suffix, char ret[UNIT_NAME_SIZE]);
