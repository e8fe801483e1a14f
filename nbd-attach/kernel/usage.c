/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses a device is read from /proc and /sys alone. Opening it with O_EXCL would tell
 * too, but an open() may read from a server that is dead, and it makes the device busy
 * for others. So mounts are looked for in every mount namespace, not in ours only, and
 * live file systems in /sys/fs: one that was unmounted lazily is nowhere else.
 *
 * No path of others is followed unless it lies in a /dev: any else may be on a network
 * file system that hangs.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/scope.h"
#include "kernel/usage.h"

#define NAME_SIZE 32 /* of a kernel's block device */

/* The disk, or one of its partitions. */
struct node {
	char name[NAME_SIZE];
	dev_t device;
};

struct usage {
	struct node *nodes;
	size_t n_nodes;
	ino_t *namespaces; /* the mount namespaces that were looked through */
	size_t n_namespaces;
	struct error *err;
};

typedef int (*check_fn)(struct usage *usage, const char *path);

static void usage_done(struct usage *usage)
{
	free(usage->nodes);
	free(usage->namespaces);
}

/* Calls check for each path that matches the pattern, until one is not 0. */
static int _printf_(3, 4)
	look(struct usage *usage, check_fn check, const char *format, ...)
{
	_cleanup_(globfree) glob_t found = {};
	char pattern[PATH_MAX];
	va_list args;
	int r = 0;

	va_start(args, format);
	vsnprintf(pattern, sizeof(pattern), format, args);
	va_end(args);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
		return error_memory(usage->err);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = check(usage, found.gl_pathv[i]);
	return r;
}

/* Copies one of the names that a path is made of, counted from its end. */
static void take_component(const char *path, int from_end, char *name, size_t size)
{
	const char *end = path + strlen(path), *slash;

	while ((slash = memrchr(path, '/', (size_t)(end - path))) && from_end-- > 0)
		end = slash;
	path = slash ? slash + 1 : path;
	snprintf(name, size, "%.*s", (int)(end - path), path);
}

/* The first line of a small file, without its newline. */
static bool read_line(const char *path, char *line, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(line, (int)size, file))
		return false;
	line[strcspn(line, "\n")] = 0;
	return true;
}

static int _printf_(3, 4) in_use(
	const struct usage *usage, const struct node *node, const char *format, ...)
{
	char how[256];
	va_list args;

	va_start(args, format);
	vsnprintf(how, sizeof(how), format, args);
	va_end(args);
	return error_set(usage->err, FAULT_KERNEL, -EBUSY,
		"/dev/%s is in use: %s (use --force to detach all the same)", node->name,
		how);
}

static const struct node *find_device(const struct usage *usage, dev_t device)
{
	for (size_t i = 0; i < usage->n_nodes; i++)
		if (usage->nodes[i].device == device)
			return &usage->nodes[i];
	return NULL;
}

static const struct node *find_name(const struct usage *usage, const char *name)
{
	for (size_t i = 0; i < usage->n_nodes; i++)
		if (strcmp(usage->nodes[i].name, name) == 0)
			return &usage->nodes[i];
	return NULL;
}

/* The node behind a path, if the path lies in a /dev and is one of ours. */
static const struct node *find_path(
	const struct usage *usage, const char *text, const char *path)
{
	struct stat st;

	if (!strstr(text, "/dev/") || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return NULL;
	return find_device(usage, st.st_rdev);
}

/* Path is /sys/block/nbd0/nbd0p1/dev, or /sys/block/nbd0/dev. */
static int add_node(struct usage *usage, const char *path)
{
	struct node *grown, node = {};
	unsigned major, minor;
	char line[32];

	if (!read_line(path, line, sizeof(line)) ||
		sscanf(line, "%u:%u", &major, &minor) != 2)
		return 0; /* gone just now */
	node.device = makedev(major, minor);
	take_component(path, 1, node.name, sizeof(node.name));
	grown = reallocarray(usage->nodes, usage->n_nodes + 1, sizeof(*grown));
	if (!grown)
		return error_memory(usage->err);
	grown[usage->n_nodes++] = node;
	usage->nodes = grown;
	return 0;
}

/* In /proc's tables a space in a name is \040, and so on: undone in place. */
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
		const struct node *node;
		unsigned major, minor;

		if (sscanf(line, "%*u %*u %u:%u %*s %ms", &major, &minor, &where) != 3)
			continue;
		node = find_device(usage, makedev(major, minor));
		if (!node)
			continue;
		unescape(where);
		return in_use(usage, node, "mounted on %s", where);
	}
	return 0;
}

/* Path is /proc/PID/ns/mnt; a process that ended meanwhile is passed over. */
static int check_namespace(struct usage *usage, const char *path)
{
	_cleanup_fclose_ FILE *file = NULL;
	char mountinfo[64];
	ino_t *grown;
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	for (size_t i = 0; i < usage->n_namespaces; i++)
		if (usage->namespaces[i] == st.st_ino)
			return 0;
	snprintf(mountinfo, sizeof(mountinfo), "%.*smountinfo",
		(int)(strlen(path) - strlen("ns/mnt")), path);
	file = fopen(mountinfo, "re");
	if (!file)
		return 0;
	grown = reallocarray(usage->namespaces, usage->n_namespaces + 1, sizeof(*grown));
	if (!grown)
		return error_memory(usage->err);
	grown[usage->n_namespaces++] = st.st_ino;
	usage->namespaces = grown;
	return check_mountinfo(usage, file);
}

/* Path is /sys/fs/ext4/nbd0, or /sys/fs/btrfs/UUID/devices/nbd0. */
static int check_filesystem(struct usage *usage, const char *path)
{
	const struct node *node = find_name(usage, strrchr(path, '/') + 1);
	const char *type = path + strlen("/sys/fs/");

	if (!node)
		return 0;
	return in_use(usage, node, "its %.*s file system is in use",
		(int)strcspn(type, "/"), type);
}

static int check_swaps(const struct usage *usage)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/swaps", "re");
	char line[PATH_MAX], path[PATH_MAX], type[16];

	while (file && fgets(line, sizeof(line), file)) {
		const struct node *node;

		if (sscanf(line, "%4095s %15s", path, type) != 2)
			continue;
		unescape(path);
		node = find_path(usage, path, path);
		if (node)
			return in_use(usage, node, "used as swap");
	}
	return 0;
}

/* Path is /sys/block/nbd0/nbd0p1/holders/dm-0. */
static int check_holder(struct usage *usage, const char *path)
{
	char below[NAME_SIZE], holder[NAME_SIZE], attribute[PATH_MAX], name[128];
	const struct node *node;

	take_component(path, 2, below, sizeof(below));
	node = find_name(usage, below);
	if (!node)
		return 0;
	take_component(path, 0, holder, sizeof(holder));
	snprintf(attribute, sizeof(attribute), "/sys/block/%s/dm/name", holder);
	if (read_line(attribute, name, sizeof(name)))
		return in_use(usage, node, "used by the device-mapper device %s", name);
	return in_use(usage, node, "used by /dev/%s", holder);
}

/* Path is /sys/block/loop0/loop/backing_file: loop devices are in no holders folder. */
static int check_loop(struct usage *usage, const char *path)
{
	char file[PATH_MAX], loop[NAME_SIZE];
	const struct node *node;

	if (!read_line(path, file, sizeof(file)))
		return 0;
	node = find_path(usage, file, file);
	if (!node)
		return 0;
	take_component(path, 2, loop, sizeof(loop));
	return in_use(usage, node, "used by /dev/%s", loop);
}

/* udev's workers open each new device for a moment. */
static bool is_udev(const char *process)
{
	return strcmp(process, "systemd-udevd") == 0 ||
		strcmp(process, "(udev-worker)") == 0 || strcmp(process, "udevd") == 0;
}

/* Path is /proc/PID/fd/N. */
static int check_open_file(struct usage *usage, const char *path)
{
	char target[PATH_MAX], comm[64], process[64];
	const struct node *node;
	int pid;
	ssize_t n;

	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0 || sscanf(path, "/proc/%d/", &pid) != 1)
		return 0;
	target[n] = 0;
	node = find_path(usage, target, path);
	snprintf(comm, sizeof(comm), "/proc/%d/comm", pid);
	if (!node || !read_line(comm, process, sizeof(process)) || is_udev(process))
		return 0;
	return in_use(usage, node, "opened by %s (pid %d)", process, pid);
}

int usage_check(unsigned index, struct error *err)
{
	_cleanup_(usage_done) struct usage usage = {.err = err};
	int r;

	r = look(&usage, add_node, "/sys/block/nbd%u/dev", index);
	if (r == 0)
		r = look(&usage, add_node, "/sys/block/nbd%u/nbd%up*/dev", index, index);
	if (r < 0 || usage.n_nodes == 0)
		return r;

	r = look(&usage, check_namespace, "/proc/[0-9]*/ns/mnt");
	if (r == 0)
		r = check_swaps(&usage);
	if (r == 0)
		r = look(&usage, check_holder, "/sys/block/nbd%u/holders/*", index);
	if (r == 0)
		r = look(&usage, check_holder, "/sys/block/nbd%u/nbd%up*/holders/*",
			index, index);
	if (r == 0)
		r = look(&usage, check_loop, "/sys/block/loop*/loop/backing_file");
	if (r == 0)
		r = look(&usage, check_open_file, "/proc/[0-9]*/fd/*");
	if (r == 0)
		r = look(&usage, check_filesystem, "/sys/fs/*/nbd%u*", index);
	if (r == 0)
		r = look(&usage, check_filesystem, "/sys/fs/btrfs/*/devices/nbd%u*",
			index);
	return r;
}
