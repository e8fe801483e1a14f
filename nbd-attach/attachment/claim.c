/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process holds an attachment by the lock in its directory in /run. Whoever can open
 * the lock file could hold the lock for ever, so only root can open it. Others find the
 * holder in /proc/locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "attachment/claim.h"
#include "common/file.h"
#include "common/scope.h"

#define INITRD_FILE    "initrd"
#define LOCK_FILE      "lock"
#define NEW_LOCK       "lock.new"
#define LOCK_MODE      0600
#define DIRECTORY_MODE 0755

static int claim_failed(int r, const char *name, struct error *err)
{
	pid_t holder = 0;
	bool held = r == -EAGAIN && claim_is_held(name, &holder);

	if (held && holder > 0)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s is held by another process (pid %d): see nbd-attach list",
			name, holder);
	if (held)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s is held by a process in another PID namespace: see nbd-attach "
			"list",
			name);
	if (r == -EAGAIN)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"another process is using %s just now: try again", name);
	return error_set(
		err, FAULT_KERNEL, r, "cannot use " STATE_DIRECTORY "/%s: %m", name);
}

/* A lock on the whole file. */
static struct flock whole_file(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/* Sets the mode regardless of the umask of the process that made it. */
static int set_mode(int fd, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Made by an older version: any user may have opened it. */
static bool is_open_to_all(int lock)
{
	struct stat st;

	return fstat(lock, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO));
}

/* By the real user, so that a setuid program of another user does not count. */
static bool belongs_to_root(pid_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[32], line[256];
	unsigned user;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Uid: %u", &user) == 1)
			return user == 0;
	return true; /* it has just exited, or is not visible */
}

static bool is_locked(int lock, pid_t *ret_pid)
{
	struct flock found = whole_file(F_WRLCK);

	if (fcntl(lock, F_GETLK, &found) < 0 || found.l_type == F_UNLCK)
		return false;
	*ret_pid = found.l_pid > 0 ? found.l_pid : 0;
	return true;
}

/* Locked by a process that is not root's: such a lock is ignored. */
static bool is_locked_by_user(int lock)
{
	pid_t pid;

	return is_open_to_all(lock) && is_locked(lock, &pid) && pid > 0 &&
		!belongs_to_root(pid);
}

/* The same without permission to open it; shows no holder in another PID namespace. */
static bool is_in_lock_table(const char *path, pid_t *ret_pid)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/locks", "re");
	unsigned major_number, minor_number;
	unsigned long inode;
	char line[256];
	struct stat st;
	int pid;

	if (stat(path, &st) < 0)
		return false;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u: POSIX %*s %*s %d %x:%x:%lu", &pid, &major_number,
			    &minor_number, &inode) == 4 &&
			inode == st.st_ino &&
			makedev(major_number, minor_number) == st.st_dev) {
			*ret_pid = pid > 0 ? pid : 0;
			return true;
		}
	return false;
}

bool claim_is_held(const char *name, pid_t *ret_pid)
{
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + sizeof(LOCK_FILE) + 2];
	_cleanup_close_ int lock = -1;

	*ret_pid = 0;
	if (!target_name_is_valid(name))
		return false;
	snprintf(path, sizeof(path), STATE_DIRECTORY "/%s/" LOCK_FILE, name);
	lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (lock < 0)
		return errno == EACCES && is_in_lock_table(path, ret_pid);
	return is_locked(lock, ret_pid) && !is_locked_by_user(lock);
}

/* The last owner may have removed the lock file before we locked it. */
static bool has_name(const struct claim *claim, int lock, const char *name)
{
	struct stat ours, found;

	return fstat(lock, &ours) == 0 &&
		fstatat(claim->fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
		ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

static void close_claim(struct claim *claim)
{
	closep(&claim->lock);
	closep(&claim->fd);
	claim->lock = claim->fd = -1;
}

static int open_directory(struct claim *claim, int root)
{
	if (mkdirat(root, claim->name, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return -errno;
	claim->fd = openat(
		root, claim->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (claim->fd < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	return set_mode(claim->fd, DIRECTORY_MODE);
}

/* The file stays open if another process has locked it. */
static int open_and_lock(const struct claim *claim, const char *name, int *ret_fd)
{
	struct flock lock = whole_file(F_WRLCK);

	*ret_fd = openat(
		claim->fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
	if (*ret_fd < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	return fcntl(*ret_fd, F_SETLK, &lock) < 0 ? -errno : 0;
}

/*
 * A process that has the old file open may lock that, but nobody checks it any more. The
 * new file is locked before it gets the name: otherwise, of two processes that replace
 * the same file, one would remove the other's lock.
 */
static int replace_lock(struct claim *claim)
{
	_cleanup_close_ int new = -1;
	int r = open_and_lock(claim, NEW_LOCK, &new);

	if (r < 0)
		return r;
	if (!has_name(claim, new, NEW_LOCK))
		return -ESTALE;
	if (!has_name(claim, claim->lock, LOCK_FILE)) {
		unlinkat(claim->fd, NEW_LOCK, 0);
		return -ESTALE;
	}
	if (renameat(claim->fd, NEW_LOCK, claim->fd, LOCK_FILE) < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	closep(&claim->lock);
	claim->lock = TAKE_FD(new);
	return 0;
}

/* One try: 0, or -ESTALE if the directory or the lock file was removed meanwhile. */
static int try_lock(struct claim *claim, int root)
{
	int r = open_directory(claim, root);

	if (r == 0)
		r = open_and_lock(claim, LOCK_FILE, &claim->lock);
	if (r < 0 && !(r == -EAGAIN && is_locked_by_user(claim->lock)))
		return r;
	if (!has_name(claim, claim->lock, LOCK_FILE))
		return -ESTALE;
	return is_open_to_all(claim->lock) ? replace_lock(claim) : 0;
}

int claim_take(const char *name, struct claim *ret, struct error *err)
{
	_cleanup_close_ int root = -1;
	struct claim claim = CLAIM_NONE;
	int r;

	if (!target_name_is_valid(name))
		return error_set(
			err, FAULT_NO_SUCH, -ENOENT, "there is no such attachment");
	snprintf(claim.name, sizeof(claim.name), "%s", name);
	if (mkdir(STATE_DIRECTORY, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return claim_failed(-errno, name, err);
	root = open(STATE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return claim_failed(-errno, name, err);
	r = set_mode(root, DIRECTORY_MODE);
	if (r == 0)
		while ((r = try_lock(&claim, root)) == -ESTALE)
			close_claim(&claim);
	if (r < 0) {
		close_claim(&claim);
		return claim_failed(r, name, err);
	}
	*ret = claim;
	return 0;
}

/* Does the directory have no state? */
static bool has_no_state(const struct claim *claim)
{
	return faccessat(claim->fd, STATE_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		errno == ENOENT;
}

/* From within, so that a supervisor need not keep the directory above open. */
static void remove_directory(const struct claim *claim)
{
	_cleanup_close_ int root =
		openat(claim->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root >= 0)
		unlinkat(root, claim->name, AT_REMOVEDIR);
}

void claim_release(struct claim *claim)
{
	if (claim->lock >= 0 && has_no_state(claim)) {
		claim_forget_state(claim);        /* an unfinished one */
		unlinkat(claim->fd, NEW_LOCK, 0); /* of a process that was killed */
		unlinkat(claim->fd, LOCK_FILE, 0);
		remove_directory(claim);
	}
	close_claim(claim);
	*claim = CLAIM_NONE;
}

void claim_mark_initrd(const struct claim *claim)
{
	closep(&(int){openat(claim->fd, INITRD_FILE,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)});
}

bool claim_is_initrd(const char *name)
{
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + sizeof(INITRD_FILE) + 2];

	snprintf(path, sizeof(path), STATE_DIRECTORY "/%s/" INITRD_FILE, name);
	return access(path, F_OK) == 0;
}

void claim_forget_state(const struct claim *claim)
{
	unlinkat(claim->fd, STATE_FILE, 0);
	unlinkat(claim->fd, STATE_FILE ".new", 0); /* of a process that was killed */
	unlinkat(claim->fd, INITRD_FILE, 0);
}

/* Other files in there are not ours. */
static bool is_directory(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISDIR(st.st_mode);
}

/* By the directory's links, "." and those of its subdirectories' "..". */
unsigned claim_count(const struct claim *claim)
{
	struct stat st;

	return fstatat(claim->fd, "..", &st, 0) == 0 && st.st_nlink > 3
		? (unsigned)st.st_nlink - 2
		: 1;
}

int claim_each(int (*fn)(const char *name, void *userdata), void *userdata)
{
	_cleanup_closedir_ DIR *dir = opendir(STATE_DIRECTORY);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r >= 0 && (entry = readdir(dir)))
		if (target_name_is_valid(entry->d_name) &&
			is_directory(dirfd(dir), entry->d_name))
			r = fn(entry->d_name, userdata);
	return r;
}
