/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which processes need no look at their files. Without this, the cost of detaching a disk
 * grows with the number of other disks.
 */
#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "common/scope.h"
#include "kernel/usage-internal.h"

static int compare_numbers(const void *a, const void *b)
{
	return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

static void keep(void *number _unused_)
{
}

void usage_skipped_done(struct usage_skipped *skipped)
{
	tdestroy(skipped->tree, keep);
}

bool usage_is_skipped(const struct usage_skipped *skipped, int pid)
{
	return tfind((const void *)(intptr_t)pid, &skipped->tree, compare_numbers);
}

int usage_skip(struct usage_skipped *skipped, int pid)
{
	return tsearch((const void *)(intptr_t)pid, &skipped->tree, compare_numbers)
		? 0
		: -ENOMEM;
}

/* Anyone can name a program so. */
static bool is_of_root(int pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &st) == 0 && st.st_uid == 0;
}

enum usage_kind usage_kind_of(int pid)
{
	static const char ours[] = "/nbd-attach";
	char path[32], program[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, program, sizeof(program) - 1);
	if (n < 0)
		return errno == ENOENT ? USAGE_KIND_KERNEL_THREAD : USAGE_KIND_OTHER;
	program[n] = 0;
	name = strrchr(program, '/');
	return name && strncmp(name, ours, strlen(ours)) == 0 && is_of_root(pid)
		? USAGE_KIND_OURS
		: USAGE_KIND_OTHER;
}
