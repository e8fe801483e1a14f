/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Users of a device are first looked up in /proc and /sys, which disturbs nobody and
 * gives names. Users not listed there have claimed the device in the kernel: the external
 * journal of a file system, a mount that no process sees, a storage target. So the device
 * is claimed last, and stays so until it is disconnected.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "common/log.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/sysfs.h"
#include "kernel/usage-internal.h"

int usage_each(const struct usage *usage,
	int (*check)(const struct usage *usage, const char *path), const char *format,
	...)
{
	_cleanup_(globfree) glob_t found = {};
	char pattern[PATH_MAX];
	va_list args;
	int r = 0;

	va_start(args, format);
	vsnprintf(pattern, sizeof(pattern), format, args);
	va_end(args);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = check(usage, found.gl_pathv[i]);
	return r;
}

void usage_component(const char *path, int from_end, char *name, size_t size)
{
	const char *end = path + strlen(path), *slash;

	while ((slash = memrchr(path, '/', (size_t)(end - path))) && from_end-- > 0)
		end = slash;
	path = slash ? slash + 1 : path;
	snprintf(name, size, "%.*s", (int)(end - path), path);
}

bool usage_read_line(const char *path, char *line, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(line, (int)size, file))
		return false;
	line[strcspn(line, "\n")] = 0;
	return true;
}

int usage_found(
	const struct usage *usage, const struct usage_node *node, const char *format, ...)
{
	struct usage_user *user = &usage->report->user;
	va_list args;

	memcpy(user->node, node->name, sizeof(user->node));
	va_start(args, format);
	vsnprintf(user->how, sizeof(user->how), format, args);
	va_end(args);
	return -EBUSY;
}

const struct usage_node *usage_find_device(const struct usage *usage, dev_t device)
{
	for (size_t i = 0; i < usage->n_nodes; i++)
		if (usage->nodes[i].device == device)
			return &usage->nodes[i];
	return NULL;
}

static const struct usage_node *find_name(const struct usage *usage, const char *name)
{
	for (size_t i = 0; i < usage->n_nodes; i++)
		if (strcmp(usage->nodes[i].name, name) == 0)
			return &usage->nodes[i];
	return NULL;
}

/* Of a partition; NULL: of the disk. */
static int add_node(unsigned index, const char *partition, void *userdata)
{
	struct usage_node *grown, node = {};
	struct usage *usage = userdata;
	int r = sysfs_number(index, partition, &node.device);

	if (r == -ENOENT || r == -ENODEV)
		return 0; /* gone just now */
	if (r < 0)
		return r;
	if (partition)
		snprintf(node.name, sizeof(node.name), "%s", partition);
	else
		snprintf(node.name, sizeof(node.name), "nbd%u", index);
	grown = reallocarray(usage->nodes, usage->n_nodes + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[usage->n_nodes++] = node;
	usage->nodes = grown;
	return 0;
}

static int find_nodes(struct usage *usage, unsigned index)
{
	int r = add_node(index, NULL, usage);

	return r == 0 ? sysfs_each_partition(index, add_node, usage) : r;
}

/* Path is /sys/fs/ext4/nbd0, or /sys/fs/btrfs/UUID/devices/nbd0. */
static int check_filesystem(const struct usage *usage, const char *path)
{
	const struct usage_node *node = find_name(usage, strrchr(path, '/') + 1);
	const char *type = path + strlen("/sys/fs/");

	if (!node)
		return 0;
	return usage_found(usage, node, "its %.*s file system is in use",
		(int)strcspn(type, "/"), type);
}

/* Path is /sys/block/nbd0/nbd0p1/holders/dm-0. */
static int check_holder(const struct usage *usage, const char *path)
{
	char below[USAGE_NODE_SIZE], holder[USAGE_NODE_SIZE], attribute[PATH_MAX];
	char name[128];
	const struct usage_node *node;

	usage_component(path, 2, below, sizeof(below));
	node = find_name(usage, below);
	if (!node)
		return 0;
	usage_component(path, 0, holder, sizeof(holder));
	snprintf(attribute, sizeof(attribute), "/sys/block/%s/dm/name", holder);
	if (usage_read_line(attribute, name, sizeof(name)))
		return usage_found(
			usage, node, "used by the device-mapper device %s", name);
	return usage_found(usage, node, "used by /dev/%s", holder);
}

static int scan_sysfs(const struct usage *usage, unsigned index)
{
	int r = usage_each(usage, check_holder, "/sys/block/nbd%u/holders/*", index);

	if (r == 0)
		r = usage_each(usage, check_holder, "/sys/block/nbd%u/nbd%up*/holders/*",
			index, index);
	if (r == 0)
		r = usage_each(usage, check_filesystem, "/sys/fs/*/nbd%u*", index);
	if (r == 0)
		r = usage_each(
			usage, check_filesystem, "/sys/fs/btrfs/*/devices/nbd%u*", index);
	return r;
}

static int scan_child(const void *usage)
{
	return usage_scan(usage);
}

static bool is_same(const struct usage_position *a, const struct usage_position *b)
{
	return a->stage == b->stage && a->number == b->number;
}

/* A scan in a child: its result, or -ETIMEDOUT: it hangs at report->position. */
static int scan_once(const struct usage *usage)
{
	pid_t child = process_start(scan_child, usage);
	struct usage_position last, position = {.stage = -1};
	int status, r;

	if (child < 0)
		return child;
	do {
		last = position;
		r = process_wait(child, deadline_after(USAGE_STEP_TIMEOUT), &status);
		position = usage->report->position;
	} while (
		r == -ETIMEDOUT && !(is_same(&position, &last) && process_sleeps(child)));
	if (r < 0) {
		process_kill(child);
		return r;
	}
	return process_result(status);
}

/* What hangs is skipped the next time. */
static int scan_proc(const struct usage *usage)
{
	struct usage_report *report = usage->report;
	int r = scan_once(usage);

	while (r == -ETIMEDOUT && report->n_hung < USAGE_HUNG_MAX) {
		report->hung[report->n_hung++] = report->position;
		r = scan_once(usage);
	}
	return r;
}

static void usage_done(struct usage *usage)
{
	free(usage->nodes);
	if (usage->report)
		munmap(usage->report, sizeof(*usage->report));
}

static int scan_all(struct usage *usage, unsigned index)
{
	void *shared = mmap(NULL, sizeof(*usage->report), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (shared == MAP_FAILED)
		return -errno;
	usage->report = shared;
	r = find_nodes(usage, index);
	if (r < 0 || usage->n_nodes == 0)
		return r;
	/* first, because a mount point says more than a file system's type */
	r = scan_proc(usage);
	return r == 0 ? scan_sysfs(usage, index) : r;
}

/* Skips process `except`; 0: none. */
static int find_user(unsigned index, pid_t except, struct usage_user *ret)
{
	_cleanup_(usage_done) struct usage usage = {.except = except};
	int r = scan_all(&usage, index);

	if (r == -EBUSY)
		*ret = usage.report->user;
	return r;
}

bool usage_find(unsigned index, struct usage_user *ret)
{
	return find_user(index, 0, ret) == -EBUSY;
}

/* A device whose users are unknown counts as in use. */
static int cannot_tell(unsigned index, int r, struct error *err)
{
	if (r == -EINTR)
		return error_set(err, FAULT_OTHER, r, "interrupted");
	error_set(err, FAULT_KERNEL, r,
		"cannot find out who uses /dev/nbd%u: %m (use --force to detach it all "
		"the same)",
		index);
	return -EBUSY;
}

static int check(unsigned index, pid_t except, struct error *err)
{
	struct usage_user user;
	int r = find_user(index, except, &user);

	if (r == -EBUSY)
		return error_set(err, FAULT_KERNEL, r,
			"/dev/%s is in use: %s (use --force to detach all the same)",
			user.node, user.how);
	return r < 0 ? cannot_tell(index, r, err) : 0;
}

/* Other programs also claim a device briefly, to check whether it is free. */
static int claim(unsigned index, struct hold *ret, struct error *err)
{
	usec_t deadline = deadline_after(USAGE_CLAIM_TIMEOUT);
	int r = hold_take(index, ret);

	while (r == -EBUSY) {
		r = check(index, 0, err);
		if (r < 0)
			return r;
		r = deadline_sleep(USAGE_CLAIM_RETRY, deadline);
		if (r == -ETIMEDOUT)
			return error_set(err, FAULT_KERNEL, -EBUSY,
				"/dev/nbd%u is in use: the kernel has claimed it, for a mount that "
				"no process sees, a file system's journal, a storage target or the "
				"like (use --force to detach all the same)",
				index);
		if (r == 0)
			r = hold_take(index, ret);
	}
	if (r == -ENOENT || r == -ENXIO)
		return 0; /* the disk is gone */
	return r < 0 ? cannot_tell(index, r, err) : 0;
}

int usage_check(unsigned index, struct error *err)
{
	_cleanup_hold_ struct hold hold = HOLD_NONE;
	int r = check(index, 0, err);

	/* in this order, because a claim blocks others */
	return r == 0 ? claim(index, &hold, err) : r;
}

int usage_hold(unsigned index, bool unread, struct hold *ret, struct error *err)
{
	_cleanup_hold_ struct hold hold = HOLD_NONE;
	int r = claim(index, &hold, err);

	if (r == 0)
		r = check(index, hold.child, err);
	if (r < 0)
		return r;
	r = hold_sync(&hold, unread);
	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"/dev/nbd%u is in use: data written to it has not reached the server "
			"yet (use --force to detach all the same)",
			index);
	if (r == -EBUSY)
		return error_set(err, FAULT_KERNEL, r,
			"/dev/nbd%u is in use: somebody has just claimed it (use --force to "
			"detach all the same)",
			index);
	if (r < 0 && r != -EIO && r != -ENOSPC)
		return cannot_tell(index, r, err);
	/* a second attempt would not help: the kernel has dropped the data */
	if (r < 0)
		log_warning(
			"not all data written to /dev/nbd%u has reached the server: %s",
			index, strerror(-r));
	*ret = hold;
	hold = HOLD_NONE;
	return 0;
}
