/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checks that may hang: on a process whose memory map is locked while it waits for a
 * dead file system, or on a file there. No paths of others are followed except those of
 * /proc, which lead to the file itself, and its attributes are not synced.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/loop.h>
#include <search.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/scope.h"
#include "kernel/device-node.h"
#include "kernel/hold.h"
#include "kernel/udev.h"
#include "kernel/usage-internal.h"

/* In this order: the first match says most. */
enum { STAGE_MOUNTS, STAGE_SWAPS, STAGE_LOOPS, STAGE_TARGETS, STAGE_FILES, STAGE_MAPS };

#define CONFIGFS "/sys/kernel/config/"

/* False: an earlier scan hung here. */
static bool step(const struct usage *usage, int stage, int number)
{
	struct usage_report *report = usage->report;
	const struct usage_position position = {stage, number};

	for (size_t i = 0; i < report->n_hung; i++)
		if (report->hung[i].stage == stage && report->hung[i].number == number)
			return false;
	report->position = position;
	return true;
}

#ifndef STATX_TYPE /* musl before 1.2.5 */
#include <linux/stat.h>
#include <sys/syscall.h>

static int statx(
	int folder, const char *path, int flags, unsigned mask, struct statx *ret)
{
	return (int)syscall(SYS_statx, folder, path, flags, mask, ret);
}
#endif

/* A file: a device's node, or which device it is on. */
struct file {
	bool is_block;
	dev_t node;
	dev_t on;
};

static bool stat_path(const char *path, struct file *ret)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) <
		0)
		return false;
	ret->is_block = S_ISBLK(st.stx_mode);
	ret->node = makedev(st.stx_rdev_major, st.stx_rdev_minor);
	ret->on = makedev(st.stx_dev_major, st.stx_dev_minor);
	return true;
}

/* The disk or partition whose node the file is, or which it is on. */
static const struct usage_node *find_node(
	const struct usage *usage, const struct file *file)
{
	return usage_find_device(usage, file->is_block ? file->node : file->on);
}

/* In place: \040 is a space in the tables of /proc, and so on. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				(text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = 0;
}

static int check_mountinfo(const struct usage *usage, FILE *file)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) >= 0) {
		_cleanup_free_ char *where = NULL;
		const struct usage_node *node;
		unsigned major, minor;

		if (sscanf(line, "%*u %*u %u:%u %*s %ms", &major, &minor, &where) != 3)
			continue;
		node = usage_find_device(usage, makedev(major, minor));
		if (!node)
			continue;
		unescape(where);
		return usage_found(usage, node, "mounted on %s", where);
	}
	return 0;
}

/* Checked already, without a match. */
struct seen {
	void *tree;
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void seen_done(struct seen *seen)
{
	tdestroy(seen->tree, free);
}

static bool is_seen(const struct seen *seen, const char *text)
{
	return tfind(text, &seen->tree, compare_texts);
}

static int note(struct seen *seen, const char *text)
{
	char *copy = strdup(text);

	if (copy && tsearch(copy, &seen->tree, compare_texts))
		return 0;
	free(copy);
	return -ENOMEM;
}

/* Each mount namespace once for each root: a process sees no mounts outside its root. */
static int check_mounts(const struct usage *usage, int pid, struct seen *namespaces)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], name[64] = "", root[PATH_MAX] = "", both[sizeof(name) + PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (readlink(path, name, sizeof(name) - 1) < 0)
		return 0; /* it is exiting */
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	if (readlink(path, root, sizeof(root) - 1) < 0)
		return 0;
	snprintf(both, sizeof(both), "%s %s", name, root);
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	if (is_seen(namespaces, both) || !(file = fopen(path, "re")))
		return 0;
	r = check_mountinfo(usage, file);
	return r == 0 ? note(namespaces, both) : r;
}

static int check_swaps(const struct usage *usage)
{
	_cleanup_fclose_ FILE *swaps = fopen("/proc/swaps", "re");
	char line[PATH_MAX], path[PATH_MAX], type[16];

	while (swaps && fgets(line, sizeof(line), swaps)) {
		const struct usage_node *node;
		struct file file;

		if (sscanf(line, "%4095s %15s", path, type) != 2 ||
			strcmp(type, "partition") != 0)
			continue;
		unescape(path);
		node = stat_path(path, &file) ? find_node(usage, &file) : NULL;
		if (node && file.is_block)
			return usage_found(usage, node, "used as swap");
	}
	return 0;
}

/* By ioctl(2), because the path may be of another mount namespace. */
static bool ask_loop(const char *name, struct file *ret)
{
	_cleanup_close_ int fd = -1;
	struct loop_info64 info;
	char node[PATH_MAX];
	struct stat st;

	snprintf(node, sizeof(node), "/dev/%s", name);
	fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) ||
		ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return false;
	*ret = (struct file){.is_block = info.lo_rdevice != 0,
		.node = (dev_t)info.lo_rdevice,
		.on = (dev_t)info.lo_device};
	return true;
}

/* Path is /sys/block/loop0/loop/backing_file: loop devices are not in holders/. */
static int check_loop(const struct usage *usage, const char *path)
{
	char backing[PATH_MAX], loop[USAGE_NODE_SIZE];
	const struct usage_node *node;
	struct file file;
	int number;

	usage_component(path, 2, loop, sizeof(loop));
	if (sscanf(loop, "loop%d", &number) != 1 || !step(usage, STAGE_LOOPS, number) ||
		!usage_read_line(path, backing, sizeof(backing)))
		return 0;
	if (!ask_loop(loop, &file) && !stat_path(backing, &file))
		return 0;
	node = find_node(usage, &file);
	if (!node)
		return 0;
	return usage_found(usage, node,
		file.is_block ? "used by /dev/%s" : "a file on it is used by /dev/%s",
		loop);
}

/* A target has opened its device only if it is enabled. */
static bool is_enabled(const char *folder)
{
	char enable[PATH_MAX + sizeof("/enable")], line[16];

	snprintf(enable, sizeof(enable), "%s/enable", folder);
	return !usage_read_line(enable, line, sizeof(line)) || line[0] != '0';
}

/* A file that holds a path, or target_core_file's: "… File: /dev/nbd0  Size: …". */
static bool read_backing(const char *path, char *backing, size_t size)
{
	static const char before[] = " File: ", after[] = "  Size: ";
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	bool is_info = strcmp(strrchr(path, '/'), "/info") == 0;
	char line[PATH_MAX], *begin, *end;

	while (file && fgets(line, sizeof(line), file)) {
		begin = is_info ? strstr(line, before) : line;
		if (!begin)
			continue;
		begin += is_info ? strlen(before) : 0;
		end = is_info ? strstr(begin, after) : begin + strcspn(begin, "\n");
		if (end)
			*end = 0;
		snprintf(backing, size, "%s", begin);
		return backing[0] == '/';
	}
	return false;
}

/* Some storage targets open a device as a file, in the kernel, and do not claim it. */
static int check_target(const struct usage *usage, const char *path)
{
	const struct usage_node *node;
	char backing[PATH_MAX], folder[PATH_MAX];
	size_t size = strlen(path) - strlen(strrchr(path, '/'));
	struct file file;
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", path);
	folder[MIN(size, sizeof(folder) - 1)] = 0;
	if (stat(path, &st) < 0 || !step(usage, STAGE_TARGETS, (int)st.st_ino) ||
		!is_enabled(folder) || !read_backing(path, backing, sizeof(backing)))
		return 0;
	node = stat_path(backing, &file) ? find_node(usage, &file) : NULL;
	return node ? usage_found(usage, node, "used by %s", folder + strlen(CONFIGFS))
		    : 0;
}

static int check_targets(const struct usage *usage)
{
	static const char *const patterns[] = {
		CONFIGFS "nvmet/subsystems/*/namespaces/*/device_path",
		CONFIGFS "target/core/fileio_*/*/info",
		CONFIGFS "usb_gadget/*/functions/mass_storage.*/lun.*/file",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(patterns); i++)
		r = usage_each(usage, check_target, "%s", patterns[i]);
	return r;
}

/* A descriptor with O_PATH keeps nothing open. */
static bool is_path_only(int pid, const char *fd)
{
	char path[64], line[128];
	unsigned flags;
	bool found = false;
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, fd);
	file = fopen(path, "re");
	while (!found && file && fgets(line, sizeof(line), file))
		found = sscanf(line, "flags: %o", &flags) == 1 && (flags & O_PATH);
	return found;
}

/*
 * udev's workers open each new device briefly, and our own children do not use it. Anyone
 * can give a process such a name, so only root's processes are ignored.
 */
static bool is_ignored(int pid, const char *process)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return (udev_is_process(process) || strcmp(process, HOLD_PROCESS) == 0 ||
		       strcmp(process, SCAN_PROCESS) == 0) &&
		stat(path, &st) == 0 && st.st_uid == 0;
}

/* The process uses the file, which is the node or on it. */
static int found_process(const struct usage *usage, int pid, const struct file *file,
	const struct usage_node *node, const char *what)
{
	char path[64], process[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!usage_read_line(path, process, sizeof(process)) || is_ignored(pid, process))
		return 0;
	return usage_found(usage, node, "%s%s by %s (pid %d)",
		file->is_block ? "" : "a file on it is ", what, process, pid);
}

/* Path is /proc/PID/fd/N. Sockets and pipes, which are many, have no path. */
static int check_descriptor(const struct usage *usage, const char *path)
{
	const struct usage_node *node;
	struct file file;
	char target[2];
	int pid;

	if (readlink(path, target, sizeof(target)) < 1 || target[0] != '/' ||
		sscanf(path, "/proc/%d/", &pid) != 1 || !stat_path(path, &file))
		return 0;
	node = find_node(usage, &file);
	if (!node || is_path_only(pid, strrchr(path, '/') + 1))
		return 0;
	return found_process(usage, pid, &file, node, "opened");
}

static int check_files(const struct usage *usage, int pid)
{
	static const char *const links[] = {"cwd", "root", "exe"};
	int r = usage_each(usage, check_descriptor, "/proc/%d/fd/*", pid);

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(links); i++) {
		const struct usage_node *node;
		struct file file;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, links[i]);
		node = stat_path(path, &file) ? find_node(usage, &file) : NULL;
		if (node)
			r = found_process(usage, pid, &file, node, "used");
	}
	return r;
}

/* One line of /proc/PID/maps. */
static int check_map(
	const struct usage *usage, int pid, const char *line, struct seen *files)
{
	const struct usage_node *node;
	unsigned long begin, end;
	struct file file;
	char path[96];
	int which = 0; /* where device, inode and path begin */

	if (sscanf(line, "%lx-%lx %*s %*s %n", &begin, &end, &which) != 2 || which == 0 ||
		!strchr(line + which, '/') || is_seen(files, line + which))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", pid, begin, end);
	if (!stat_path(path, &file))
		return 0;
	node = find_node(usage, &file);
	return node ? found_process(usage, pid, &file, node, "mapped")
		    : note(files, line + which);
}

/*
 * A mapping outlives its descriptor. Most are of the same few files, each of which is
 * checked once.
 */
static int check_maps(const struct usage *usage, int pid, struct seen *files)
{
	_cleanup_fclose_ FILE *maps = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char path[32];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (r == 0 && maps && getline(&line, &size, maps) >= 0)
		r = check_map(usage, pid, line, files);
	return r;
}

/*
 * The first visit. Of our processes only HOLD_PROCESS and SCAN_PROCESS open a device. All
 * kernel threads see the same mounts.
 */
static int meet(const struct usage *usage, int pid, struct seen *namespaces,
	struct usage_skipped *skipped)
{
	enum usage_kind kind = usage_kind_of(pid);
	bool again = kind == USAGE_KIND_KERNEL_THREAD && skipped->kernel_thread;
	int r = kind == USAGE_KIND_OTHER ? 0 : usage_skip(skipped, pid);

	skipped->kernel_thread |= kind == USAGE_KIND_KERNEL_THREAD;
	return r < 0 || again ? r : check_mounts(usage, pid, namespaces);
}

static int check_process(const struct usage *usage, int stage, int pid, struct seen *seen,
	struct usage_skipped *skipped)
{
	if (pid == usage->except || usage_is_skipped(skipped, pid) ||
		!step(usage, stage, pid))
		return 0;
	switch (stage) {
	case STAGE_MOUNTS: return meet(usage, pid, seen, skipped);
	case STAGE_FILES: return check_files(usage, pid);
	default: return check_maps(usage, pid, seen);
	}
}

static int each_process(
	const struct usage *usage, int stage, struct usage_skipped *skipped)
{
	_cleanup_(seen_done) struct seen seen = {0};
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int pid, r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "%d", &pid) == 1)
			r = check_process(usage, stage, pid, &seen, skipped);
	return r;
}

int usage_scan(const struct usage *usage)
{
	_cleanup_(usage_skipped_done) struct usage_skipped skipped = {0};
	int r = each_process(usage, STAGE_MOUNTS, &skipped);

	if (r == 0 && step(usage, STAGE_SWAPS, 0))
		r = check_swaps(usage);
	if (r == 0)
		r = usage_each(usage, check_loop, "/sys/block/loop*/loop/backing_file");
	if (r == 0)
		r = check_targets(usage);
	if (r == 0)
		r = each_process(usage, STAGE_FILES, &skipped);
	if (r == 0)
		r = each_process(usage, STAGE_MAPS, &skipped);
	return r;
}
