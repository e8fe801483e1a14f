/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/file.h"
#include "session/cage.h"
#include "session/refuge.h"

#define WORKER_USER "nbd-attach"
#define NOBODY      65534
#define RELAY_NAME  "nbd-relay"

#define HEAP_RESERVE ((size_t)1024 * 1024)

/* For a handshake and its certificates, and for GnuTLS with each record. */
#define MEMORY_RESERVE ((rlim_t)16 * 1024 * 1024)

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

static bool spare_relays;
static bool looks_like_root; /* this process, to others */

void cage_spare_relays(void)
{
	spare_relays = true;
}

static int become_nobody(struct error *err)
{
	const struct passwd *user = getpwnam(WORKER_USER);
	uid_t uid = user ? user->pw_uid : NOBODY;
	gid_t gid = user ? user->pw_gid : NOBODY;

	if (uid == 0 || gid == 0)
		return error_set(err, FAULT_OTHER, -EPERM,
			"the user " WORKER_USER " must not be root");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		setresuid(looks_like_root ? 0 : uid, uid, uid) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot give up privileges: %m");
	return 0;
}

/* Also those that a service manager gave to a process that is not root. */
static int drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &header, none) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot give up capabilities: %m");
	return 0;
}

int cage_drop_privileges(struct error *err)
{
	const struct rlimit no_core = {0};
	int r = 0;

	if (geteuid() == 0)
		r = become_nobody(err);
	if (r == 0)
		r = drop_capabilities(err);
	if (r < 0)
		return r;
	/* Keys are in this process: neither a core file nor a debugger may have them. */
	setrlimit(RLIMIT_CORE, &no_core);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot give up privileges: %m");
	return 0;
}

/* GnuTLS allocates for each record: from memory that is there, and stays. */
static void keep_heap(void)
{
	void *reserve;

	mallopt(M_TRIM_THRESHOLD, (int)HEAP_RESERVE * 4);
	mallopt(M_MMAP_THRESHOLD, (int)HEAP_RESERVE * 4);
	reserve = malloc(HEAP_RESERVE);
	if (reserve)
		explicit_bzero(reserve, HEAP_RESERVE);
	free(reserve);
}

int cage_prepare_relay(struct error *err)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	const struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};

	for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
		signal(ignored[i], SIG_IGN);
	keep_heap();
	setrlimit(RLIMIT_MEMLOCK, &no_limit);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		return error_set(
			err, FAULT_KERNEL, -errno, "cannot lock the relay's memory: %m");
	(void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	(void)file_write_attribute("/proc/self/oom_score_adj", OOM_PROTECTED);
	(void)prctl(PR_SET_NAME, RELAY_NAME, 0, 0, 0);
	looks_like_root = spare_relays;
	if (spare_relays)
		refuge_leave_unit();
	return 0;
}

/* How much memory the process has mapped, in bytes; 0: unknown. */
static rlim_t memory_mapped(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages;

	if (!file || fscanf(file, "%lu", &pages) != 1)
		return 0;
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

void cage_limit_memory(void)
{
	rlim_t mapped = memory_mapped(), most = mapped + MEMORY_RESERVE;

	if (mapped > 0)
		(void)setrlimit(
			RLIMIT_AS, &(struct rlimit){.rlim_cur = most, .rlim_max = most});
}

void cage_outlive_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

static const int allowed[] = {
	/* bytes */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev),
	SCMP_SYS(recv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(send),
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(close),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(getsockopt),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	/* time */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	/* itself */
	SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__
	SCMP_SYS(sigaltstack), /* asked for by the sanitizer before a process ends */
#endif
};

/* Allowed only with some arguments. */
static int allow_narrowly(scmp_filter_ctx filter)
{
	static const int no_code[] = {
		SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
	/* TCP_ULP and the keys, for kernel TLS */
	static const int levels[] = {IPPROTO_TCP, SOL_TLS};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(no_code); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, no_code[i], 1,
			SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_CMP(0, SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
	/* a relay's, to throw away what it has not sent */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
			SCMP_CMP(1, SCMP_CMP_EQ, SOL_SOCKET, 0),
			SCMP_CMP(2, SCMP_CMP_EQ, SO_LINGER, 0));
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(levels); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1,
			SCMP_CMP(1, SCMP_CMP_EQ, (scmp_datum_t)levels[i], 0));
	return r;
}

int cage_close(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(allowed); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = allow_narrowly(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		return error_set(
			err, FAULT_OTHER, r, "cannot set the seccomp filter: %m");
	return 0;
}
