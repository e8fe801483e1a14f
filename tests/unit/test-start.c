/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a program begins, whatever its caller has left to it. Each case is a process of its
 * own, whose exit code is the line of what does not hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/interrupt.h"
#include "common/limits.h"
#include "common/notify.h"
#include "common/process.h"
#include "common/program.h"
#include "supervisor/spawn.h"

#define HOLDS(condition)                 \
	do                               \
		if (!(condition))        \
			_exit(__LINE__); \
	while (0)

static void run(void (*work)(void))
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg(
			"line %d does not hold (status %x)", WEXITSTATUS(status), status);
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void take_signals(void)
{
	sigset_t all, now;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGRTMIN, SIG_IGN);
	program_begin("test");
	HOLDS(!is_ignored(SIGCHLD) && !is_ignored(SIGTERM) && !is_ignored(SIGRTMIN));
	HOLDS(is_ignored(SIGHUP)); /* as nohup(1) has it */
	sigprocmask(SIG_SETMASK, NULL, &now);
	HOLDS(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGCHLD));
	HOLDS(!sigismember(interrupt_mask(), SIGTERM));
	interrupt_unignore(true);
	HOLDS(!is_ignored(SIGHUP));
}

static void test_signals(void **state _unused_)
{
	run(take_signals);
}

/* What a terminal sends to both processes may reach the child before anything else. */
static void interrupt_child(void)
{
	raise(SIGINT);
	raise(SIGTERM);
}

static int finish(const void *none _unused_)
{
	return interrupt_pending() ? -ENOTRECOVERABLE : -ESRCH;
}

static int hang(const void *none _unused_)
{
	(void)sleep(30);
	return 0;
}

/* The child that is not waited for any longer does not stay. */
static void run_too_long(void)
{
	int status = 0;

	HOLDS(process_run(hang, NULL, deadline_after(100 * USEC_PER_MSEC)) == -ETIMEDOUT);
	HOLDS(waitpid(-1, &status, 0) > 0);
	HOLDS(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void start_children(void)
{
	int status = 0;

	program_begin("test");
	HOLDS(pthread_atfork(NULL, NULL, interrupt_child) == 0);
	HOLDS(process_wait(process_start(finish, NULL), USEC_INFINITY, &status) == 0);
	HOLDS(process_result(status) == -EINTR);
	HOLDS(process_wait(process_start_uninterrupted(finish, NULL), USEC_INFINITY,
		      &status) == 0);
	HOLDS(process_result(status) == -ESRCH);
}

static void test_children(void **state _unused_)
{
	run(start_children);
}

static void test_hanging_child(void **state _unused_)
{
	run(run_too_long);
}

static void take_umask(void)
{
	umask(077);
	program_begin("test");
	HOLDS(umask(0) == 022);
}

static void test_umask(void **state _unused_)
{
	run(take_umask);
}

static void take_limits(void)
{
	struct rlimit limit;
	struct error err = {0};

	HOLDS(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= 128);
	limit.rlim_cur = 10;
	HOLDS(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	HOLDS(limits_check(&err) == -EMFILE && strstr(err.text, "only 10 files"));
	HOLDS(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, RLIM_INFINITY}) == 0);
	program_begin("test");
	HOLDS(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == limit.rlim_max);
	HOLDS(getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
	HOLDS(limits_check(&err) == 0);
	HOLDS(is_ignored(SIGXFSZ));
}

static void test_limits(void **state _unused_)
{
	run(take_limits);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* What a caller may have open: here and there, and far away. */
static void open_many(void)
{
	for (int fd = STDERR_FILENO + 1; fd < 60; fd++)
		HOLDS(dup2(STDERR_FILENO, fd) == fd);
	HOLDS(dup2(STDERR_FILENO, 500) == 500);
}

static void expect_open(int from, int to, int one)
{
	for (int fd = STDERR_FILENO + 1; fd <= 500; fd++)
		HOLDS(is_open(fd) == ((fd >= from && fd <= to) || fd == one));
}

static void take_range(void)
{
	open_many();
	HOLDS(process_close_range(9, 8) == 0 && is_open(8) && is_open(9));
	HOLDS(process_close_range(10, PROCESS_FD_LAST) == 0);
	expect_open(3, 9, -1);
	HOLDS(process_close_range(4, 8) == 0);
	expect_open(9, 9, 3);
}

/* close_range(2) does not exist for it. */
static void take_range_without(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ELEMENTSOF(code), .filter = code};

	HOLDS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	HOLDS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	HOLDS(syscall(SYS_close_range, 900U, 901U, 0U) < 0 && errno == ENOSYS);
	take_range();
}

static void test_close_range(void **state _unused_)
{
	run(take_range);
	run(take_range_without);
}

static void set_number(const char *variable, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	HOLDS(setenv(variable, text, 1) == 0);
}

static void take_descriptors(void)
{
	struct error none = {0};
	int pair[2];

	open_many();
	HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	HOLDS(dup2(pair[0], 20) == 20);
	set_number("NBD_ATTACH_REPORT_FD", 20);
	set_number("LISTEN_FDS", 2);
	set_number("LISTEN_PID", getpid());
	spawn_close_inherited();
	expect_open(3, 4, 20);
	HOLDS(spawn_report(0, 0, &none));
	expect_open(3, 4, -1);
	notify_forget();
	spawn_close_inherited();
	expect_open(0, -1, -1);
}

/* They are for another process. */
static void take_descriptors_of_another(void)
{
	open_many();
	set_number("LISTEN_FDS", 2);
	set_number("LISTEN_PID", getppid());
	spawn_close_inherited();
	expect_open(0, -1, -1);
}

static void test_descriptors(void **state _unused_)
{
	run(take_descriptors);
	run(take_descriptors_of_another);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_hanging_child),
		cmocka_unit_test(test_umask),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_close_range),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
