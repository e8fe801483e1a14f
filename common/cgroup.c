/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/cgroup.h"
#include "common/file.h"

void cgroup_leave_unit(void)
{
	(void)file_write_attribute("/sys/fs/cgroup/cgroup.procs", "0");
}
