/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lock file that anybody can open, as an older version left it, and that a passer-by
 * holds. Two replace it: one gets the name, before whatever call of the one the other
 * comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "attachment/claim.h"
#include "common/file.h"
#include "common/scope.h"

#define NOBODY    65534
#define CALLS_MAX 12 /* more than there are */

/* Before which call of ours the other one comes: 0: it has been. */
static unsigned calls_left;
static int (*other_comes)(void);
static int others_result;

static void call(void)
{
	if (calls_left > 0 && --calls_left == 0)
		others_result = other_comes();
}

static int our_fstatat(int folder, const char *name, struct stat *st, int flags)
{
	call();
	return fstatat(folder, name, st, flags);
}

static int our_renameat(int folder, const char *from, int to_folder, const char *to)
{
	call();
	return renameat(folder, from, to_folder, to);
}

static int our_unlinkat(int folder, const char *name, int flags)
{
	call();
	return unlinkat(folder, name, flags);
}

/* In the folder that the test is in. */
#undef STATE_DIRECTORY
#define STATE_DIRECTORY "state"
#define fstatat         our_fstatat
#define renameat        our_renameat
#define unlinkat        our_unlinkat
#include "../../nbd-attach/attachment/claim.c"

/* A process that does something, tells what came of it, and stays until it is killed. */
static pid_t start(int (*what)(void), int *ret_result)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int r;

		calls_left = 0;
		r = what();
		if (write(pair[1], &r, sizeof(r)) == sizeof(r))
			pause();
		_exit(1);
	}
	close(pair[1]);
	assert_int_equal(
		read(pair[0], ret_result, sizeof(*ret_result)), sizeof(*ret_result));
	close(pair[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int hold_old_lock(void)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = open("state/disk/lock", O_RDONLY | O_CLOEXEC);

	if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return -EPERM;
	return fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 ? -errno : 0;
}

static int take_name(void)
{
	static struct claim claim;
	struct error err;

	return claim_take("disk", &claim, &err);
}

static pid_t other;

static int start_other(void)
{
	int r;

	other = start(take_name, &r);
	return r;
}

static void leave_old_lock(void)
{
	assert_int_equal(mkdir("state/disk", 0755), 0);
	closep(&(int){open("state/disk/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644)});
	assert_int_equal(chmod("state/disk/lock", 0644), 0);
}

/* Ours, and the other's before the n-th of our calls. False: there are no more. */
static bool take_both(unsigned n)
{
	_cleanup_claim_ struct claim claim = CLAIM_NONE;
	struct error err = {0};
	struct stat st;
	bool met;
	int r;

	calls_left = n;
	other_comes = start_other;
	r = claim_take("disk", &claim, &err);
	met = calls_left == 0;
	calls_left = 0;
	if (!met)
		assert_int_equal(r, 0);
	else if ((r == 0) == (others_result == 0))
		fail_msg("before call %u: %d and %d", n, r, others_result);
	assert_int_equal(stat("state/disk/lock", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access("state/disk/lock.new", F_OK), -1);
	if (met)
		end(other);
	return met;
}

static void test_old_lock(void **state _unused_)
{
	char folder[] = "/tmp/test-claim-XXXXXX";
	unsigned n = 1;
	bool met;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(chmod(".", 0755), 0); /* the passer-by's, too */
	assert_int_equal(mkdir("state", 0755), 0);
	do {
		pid_t passer_by;
		int r;

		leave_old_lock();
		passer_by = start(hold_old_lock, &r);
		if (r == -EPERM)
			skip(); /* nobody else to be */
		assert_int_equal(r, 0);
		met = take_both(n);
		end(passer_by);
		(void)unlink("state/disk/lock");
		(void)rmdir("state/disk");
	} while (met && n++ < CALLS_MAX);
	assert_true(n >= 4);
	assert_true(n <= CALLS_MAX);
	assert_int_equal(rmdir("state"), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_old_lock)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
