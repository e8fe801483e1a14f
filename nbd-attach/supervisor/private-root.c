/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/cgroup.h"
#include "common/file.h"
#include "supervisor/private-root.h"
#include "wire/tls.h"

#define ROOT          "/.nbd-attach"
#define MOUNTS_MAX    64
#define COPY_SIZE_MAX ((size_t)1024 * 1024)

static bool entered;

/* The same file systems wherever they are mounted. */
static const char *const shared[] = {"proc", "sys", "dev", "run"};

/* Read when a name is resolved. A missing file is not needed. */
static const char *const copied[] = {"/etc/hosts", "/etc/resolv.conf", "/etc/host.conf",
	"/etc/gai.conf", "/etc/passwd"};

/* Anything else would need a module of libc or a daemon on the disk. */
#define NSSWITCH "passwd: files\nhosts: files dns\n"

static int failed(const char *what, struct error *err)
{
	return error_set(err, FAULT_KERNEL, -errno,
		"cannot set up a private root directory: %s: %m", what);
}

static int write_file(const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 || write(fd, data, size) != (ssize_t)size ? -errno : 0;
}

/* Those that a file in the new root is in. */
static int make_folders(const char *path)
{
	char folder[PATH_MAX];

	for (const char *end = strchr(path + strlen(ROOT "/"), '/'); end;
		end = strchr(end + 1, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(end - path), path);
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int copy_file(const char *from, struct error *err)
{
	_cleanup_blob_ struct blob text = {0};
	char to[PATH_MAX];

	snprintf(to, sizeof(to), ROOT "%s", from);
	if (file_read(from, COPY_SIZE_MAX, false, &text) < 0)
		return 0;
	if (make_folders(to) < 0 || write_file(to, text.data, text.size) < 0)
		return failed(to, err);
	return 0;
}

static int copy_files(struct error *err)
{
	/* GnuTLS reads it again for each handshake, and without it allows what it forbids
	 */
	const char *policy = tls_policy_file();
	int r = policy ? copy_file(policy, err) : 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(copied); i++)
		r = copy_file(copied[i], err);
	if (r < 0)
		return r;
	if (make_folders(ROOT "/etc/") < 0 ||
		write_file(ROOT "/etc/nsswitch.conf", NSSWITCH, strlen(NSSWITCH)) < 0)
		return failed("nsswitch.conf", err);
	return 0;
}

static int mount_shared(struct error *err)
{
	char from[16], to[32];

	for (size_t i = 0; i < ELEMENTSOF(shared); i++) {
		snprintf(from, sizeof(from), "/%s", shared[i]);
		snprintf(to, sizeof(to), ROOT "/%s", shared[i]);
		if ((mkdir(to, 0755) < 0 && errno != EEXIST) ||
			mount(from, to, NULL, MS_BIND, NULL) < 0)
			return failed(from, err);
	}
	return 0;
}

/*
 * A copy of another mount would keep its file system busy for good. The last mount comes
 * first, since it may be on top of another.
 */
static int detach_other_mounts(struct error *err)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	char *points[MOUNTS_MAX];
	size_t size = 0, n = 0;

	if (!file)
		return failed("/proc/self/mountinfo", err);
	while (n < MOUNTS_MAX && getline(&line, &size, file) >= 0) {
		char point[PATH_MAX];

		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1 &&
			strcmp(point, "/") != 0 &&
			strncmp(point, ROOT, strlen(ROOT)) != 0 &&
			(points[n] = strdup(point)))
			n++;
	}
	while (n > 0) {
		(void)umount2(points[--n], MNT_DETACH);
		free(points[n]);
	}
	return 0;
}

static int mount_new_root(struct error *err)
{
	if (mkdir(ROOT, 0700) < 0 && errno != EEXIST)
		return failed(ROOT, err);
	/* not tmpfs, which may be swapped out to this very disk */
	if (mount("nbd-attach", ROOT, "ramfs", MS_NOSUID | MS_NOEXEC, "mode=0755") < 0)
		return failed(ROOT, err);
	return 0;
}

/*
 * pivot_root(2) does not work on an initramfs: its root is mounted over instead. The
 * mount point is free then, and removed.
 */
static int enter_new_root(struct error *err)
{
	_cleanup_close_ int before = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (chdir(ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
		chroot(".") < 0 || chdir("/") < 0)
		return failed("/", err);
	if (before >= 0)
		(void)unlinkat(before, &ROOT[1], AT_REMOVEDIR);
	return 0;
}

/*
 * The system has returned to its initramfs for shutdown (systemd-shutdown(8)), and this
 * process with it: no more mounts are moved, and all files are in memory. A copy of the
 * mounts, made while the disk is being unmounted, would leave it to us to unmount it.
 */
static bool is_back_in_image(void)
{
	return access("/etc/initrd-release", F_OK) == 0 && access("/oldroot", F_OK) == 0;
}

int private_root_enter(struct error *err)
{
	int r;

	cgroup_leave_unit();
	if (is_back_in_image())
		return 0;
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return failed("mount namespace", err);
	r = mount_new_root(err);
	if (r == 0)
		r = copy_files(err);
	if (r == 0)
		r = mount_shared(err);
	if (r == 0)
		r = detach_other_mounts(err);
	if (r == 0)
		r = enter_new_root(err);
	entered = r == 0;
	return r;
}

bool private_root_is_entered(void)
{
	return entered;
}
