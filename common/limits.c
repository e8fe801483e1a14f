/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stddef.h>
#include <sys/param.h>
#include <sys/resource.h>

#include "common/limits.h"
#include "common/scope.h"

#define FILES_NEEDED 128 /* 16 links, and an attempt to replace each */
#define FILES_AMPLE  1024

/* NPROC: the link worker runs as another user, who may have processes as well. */
static const int raised[] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_AS,
	RLIMIT_DATA, RLIMIT_NPROC, RLIMIT_MEMLOCK};

static bool set_both(int resource, rlim_t value)
{
	return setrlimit(resource,
		       &(struct rlimit){.rlim_cur = value, .rlim_max = value}) == 0;
}

void limits_raise(bool beyond)
{
	for (size_t i = 0; i < ELEMENTSOF(raised); i++) {
		struct rlimit limit;
		rlim_t ample = RLIM_INFINITY;

		if (getrlimit(raised[i], &limit) < 0)
			continue;
		if (raised[i] == RLIMIT_NOFILE) /* which cannot be infinite */
			ample = MAX(limit.rlim_max, FILES_AMPLE);
		if (!beyond || !set_both(raised[i], ample))
			(void)set_both(raised[i], limit.rlim_max);
	}
}

void limits_forbid_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return;
	limit.rlim_cur = 0;
	(void)setrlimit(RLIMIT_CORE, &limit);
}

int limits_check(struct error *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_NEEDED)
		return 0;
	return error_set(err, FAULT_OTHER, -EMFILE,
		"only %llu files may be open at once, too few to reconnect a lost link: "
		"allow %d or more (ulimit -n, LimitNOFILE=)",
		(unsigned long long)limit.rlim_cur, FILES_NEEDED);
}
