/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/tls.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/file.h"
#include "common/log.h"
#include "link/sandbox-internal.h"

#define WORKER_USER "nbd-attach"
#define NOBODY      65534
#define RELAY_NAME  "nbd-relay"

#define HEAP_RESERVE ((size_t)1024 * 1024)

/* For a handshake and its certificates, and what GnuTLS allocates for each record. */
#define MEMORY_RESERVE ((rlim_t)16 * 1024 * 1024)

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* The second argument of futex(2) without FUTEX_PRIVATE_FLAG and the clock. */
#define FUTEX_OPERATION FUTEX_CMD_MASK

/* What a pipe holds; the kernel takes no longer filter, either. */
#define PROGRAM_MAX (4096 * sizeof(struct sock_filter))

static struct sandbox_user unprivileged = {.uid = NOBODY, .gid = NOBODY};

void sandbox_find_user(void)
{
	static bool asked;
	const struct passwd *user = NULL;

	if (asked || geteuid() != 0)
		return;
	asked = true;
	user = getpwnam(WORKER_USER);
	if (user)
		unprivileged =
			(struct sandbox_user){.uid = user->pw_uid, .gid = user->pw_gid};
}

void sandbox_report_user(void)
{
	if (geteuid() == 0 && unprivileged.uid == NOBODY)
		log_notice("there is no user " WORKER_USER
			   ": link workers run as user %d, which other programs may use",
			NOBODY);
}

struct sandbox_user sandbox_user(void)
{
	return unprivileged;
}

void sandbox_set_user(struct sandbox_user user)
{
	unprivileged = user;
}

static bool keep_relays;
static bool keep_real_user; /* root, in a relay that is to survive shutdown */

void sandbox_keep_relays_at_shutdown(void)
{
	keep_relays = true;
}

static int become_unprivileged(struct error *err)
{
	const uid_t uid = unprivileged.uid;
	const gid_t gid = unprivileged.gid;

	if (uid == 0 || gid == 0)
		return error_set(err, FAULT_OTHER, -EPERM,
			"the user " WORKER_USER " must not be root");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		setresuid(keep_real_user ? 0 : uid, uid, uid) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot give up privileges: %m");
	return 0;
}

/* Including those that a service manager gave to a process that is not root. */
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

int sandbox_drop_privileges(struct error *err)
{
	const struct rlimit no_core = {0};
	int r = 0;

	if (geteuid() == 0)
		r = become_unprivileged(err);
	if (r == 0)
		r = drop_capabilities(err);
	if (r < 0)
		return r;
	/* This process has keys: keep them from core files and debuggers. */
	setrlimit(RLIMIT_CORE, &no_core);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot give up privileges: %m");
	return 0;
}

/* A process that was taken over and does not end is ended by the kernel. */
void sandbox_limit_time(usec_t deadline)
{
	const rlim_t seconds = deadline_left(deadline) / USEC_PER_SEC + 1;
	const struct rlimit limit = {seconds, seconds};

	if (deadline != USEC_INFINITY)
		setrlimit(RLIMIT_CPU, &limit);
}

/*
 * GnuTLS allocates for each record: let the heap keep memory for that. musl's cannot be
 * told to.
 */
static void keep_heap(void)
{
	void *reserve;

#ifdef M_TRIM_THRESHOLD
	mallopt(M_TRIM_THRESHOLD, (int)HEAP_RESERVE * 4);
	mallopt(M_MMAP_THRESHOLD, (int)HEAP_RESERVE * 4);
#endif
	reserve = malloc(HEAP_RESERVE);
	if (reserve)
		explicit_bzero(reserve, HEAP_RESERVE);
	free(reserve);
}

int sandbox_prepare_relay(struct error *err)
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
	keep_real_user = keep_relays;
	if (keep_relays)
		cgroup_leave_unit();
	return 0;
}

/* The process's mapped memory in bytes; 0: unknown. */
static rlim_t memory_mapped(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages;

	if (!file || fscanf(file, "%lu", &pages) != 1)
		return 0;
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

void sandbox_limit_memory(void)
{
	rlim_t mapped = memory_mapped(), most = mapped + MEMORY_RESERVE;

	if (mapped > 0)
		(void)setrlimit(
			RLIMIT_AS, &(struct rlimit){.rlim_cur = most, .rlim_max = most});
}

void sandbox_outlive_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

/*
 * ---- the allowed system calls, and how each is kept harmless ----
 *
 * A filter cannot see memory behind a pointer, so no call is allowed whose effect depends
 * on it. The descriptors are the link, the socket for reports, the log, and a relay's
 * socket to the kernel: nothing opens or receives another one.
 */

/* All other bits of an int; the kernel ignores the upper half of the argument. */
#define NOT_OF_INT(bits) (UINT32_MAX & ~(scmp_datum_t)(bits))

/* one call a line */
/* clang-format off */

static const struct rule always[] = {
	/* read and write open descriptors */
	{SCMP_SYS(read), 0, {}},
	{SCMP_SYS(readv), 0, {}},
	{SCMP_SYS(write), 0, {}},
	{SCMP_SYS(writev), 0, {}},
	/* unlike recvmsg(), it receives no descriptor from a server behind a unix socket */
	{SCMP_SYS(recvfrom), 0, {}},
	/*
	 * Only to the connected peer: no address, and no MSG_FASTOPEN, with which TCP would
	 * connect to one. A filter cannot see the address of sendmsg(), which is in memory.
	 */
	{SCMP_SYS(sendto), 2, {ARG_MASKED(3, NOT_OF_INT(MSG_NOSIGNAL | MSG_DONTWAIT), 0),
		ARG_IS(4, 0)}},
	/* what is closed cannot be opened again */
	{SCMP_SYS(close), 0, {}},
	{SCMP_SYS(poll), 0, {}},
	{SCMP_SYS(ppoll), 0, {}},
	{SCMP_SYS(ppoll_time64), 0, {}},

	/* memory: anonymous, and never executable */
	{SCMP_SYS(brk), 0, {}},
	{SCMP_SYS(munmap), 0, {}},
	{SCMP_SYS(mremap), 0, {}}, /* keeps the protection of the memory */
#if defined(__s390x__)
	{SCMP_SYS(mmap), 0, {}}, /* its arguments are in memory: only mprotect() is checked */
#elif !defined(__i386__)
	{SCMP_SYS(mmap), 2, {ARG_MASKED(2, PROT_EXEC, 0),
		ARG_MASKED(3, MAP_ANONYMOUS, MAP_ANONYMOUS)}},
#endif
	{SCMP_SYS(mmap2), 2, {ARG_MASKED(2, PROT_EXEC, 0),
		ARG_MASKED(3, MAP_ANONYMOUS, MAP_ANONYMOUS)}},
	{SCMP_SYS(mprotect), 1, {ARG_MASKED(2, PROT_EXEC, 0)}},
	/* free() gives memory back with it */
	{SCMP_SYS(madvise), 1, {ARG_IS(2, MADV_DONTNEED)}},
	{SCMP_SYS(getrandom), 0, {}},

	/* time: only reading it */
	{SCMP_SYS(clock_gettime), 0, {}},
	{SCMP_SYS(clock_gettime64), 0, {}},
	{SCMP_SYS(gettimeofday), 0, {}},
	{SCMP_SYS(time), 0, {}},

	/*
	 * The process itself. Locks of the C library only need waiting and waking; priority
	 * inheritance and requeueing have had too many holes.
	 */
	{SCMP_SYS(futex), 1, {ARG_MASKED(1, FUTEX_OPERATION, FUTEX_WAIT)}},
	{SCMP_SYS(futex), 1, {ARG_MASKED(1, FUTEX_OPERATION, FUTEX_WAIT_BITSET)}},
	{SCMP_SYS(futex), 1, {ARG_MASKED(1, FUTEX_OPERATION, FUTEX_WAKE)}},
	{SCMP_SYS(futex_time64), 1, {ARG_MASKED(1, FUTEX_OPERATION, FUTEX_WAIT)}},
	{SCMP_SYS(futex_time64), 1, {ARG_MASKED(1, FUTEX_OPERATION, FUTEX_WAIT_BITSET)}},
	{SCMP_SYS(futex_time64), 1, {ARG_MASKED(1, FUTEX_OPERATION, FUTEX_WAKE)}},
	{SCMP_SYS(getpid), 0, {}}, /* GnuTLS detects a fork by it */
	{SCMP_SYS(gettid), 0, {}},
	{SCMP_SYS(rt_sigprocmask), 0, {}}, /* SIGKILL cannot be blocked */
	{SCMP_SYS(rt_sigreturn), 0, {}},
	{SCMP_SYS(restart_syscall), 0, {}},
	{SCMP_SYS(exit), 0, {}},
	{SCMP_SYS(exit_group), 0, {}},
#ifdef __SANITIZE_ADDRESS__
	/* for the sanitizer */
	{SCMP_SYS(sigaltstack), 0, {}},
	{SCMP_SYS(madvise), 0, {}},
#endif
};

/*
 * For kernel TLS. The name of the TCP_ULP is in memory and not checked here: it can only be
 * one that the kernel has loaded, on the existing connection, and the parent checks which
 * one it is. The keys are those of the session.
 */
static const struct rule of_link[] = {
	{SCMP_SYS(setsockopt), 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_ULP)}},
	{SCMP_SYS(setsockopt), 2, {ARG_IS(1, SOL_TLS), ARG_IS(2, TLS_TX)}},
	{SCMP_SYS(setsockopt), 2, {ARG_IS(1, SOL_TLS), ARG_IS(2, TLS_RX)}},
	{SCMP_SYS(setsockopt), 2, {ARG_IS(1, SOL_TLS), ARG_IS(2, TLS_TX_MAX_PAYLOAD_LEN)}},
};

static const struct rule of_relay[] = {
	/* to discard unsent data: the longest wait is that of its own close */
	{SCMP_SYS(setsockopt), 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_LINGER)}},
	/* ends the link, which cannot be connected again */
	{SCMP_SYS(shutdown), 0, {}},
	/* to outlive its parent; no other use of prctl() */
	{SCMP_SYS(prctl), 2, {ARG_IS(0, PR_SET_PDEATHSIG), ARG_IS(1, 0)}},
};

/* clang-format on */

static int allow(scmp_filter_ctx filter, const struct rule *rules, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, rules[i].call, rules[i].n, rules[i].args);
	return r;
}

/*
 * On architectures with socketcall(2), libseccomp allows it for each rule about a socket
 * call, without checking the arguments, which are in memory. We do not need it (see
 * fd_sendto()). This must be the last rule, because it replaces those; and its action
 * must differ from the default action, or libseccomp would leave it out.
 */
static int forbid_socketcall(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socketcall), 0);
}

static int add_rules(scmp_filter_ctx filter, enum sandbox_use use)
{
	int r = allow(filter, always, ELEMENTSOF(always));

	if (r == 0 && use == SANDBOX_LINK)
		r = allow(filter, of_link, ELEMENTSOF(of_link));
	if (r == 0 && use == SANDBOX_RELAY)
		r = allow(filter, of_relay, ELEMENTSOF(of_relay));
	return r < 0 ? r : forbid_socketcall(filter);
}

/* Another architecture has other call numbers: on x86-64 those of i386 and x32. */
scmp_filter_ctx sandbox_filter_new(uint32_t otherwise)
{
	scmp_filter_ctx filter = seccomp_init(otherwise);

	if (filter &&
		seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) <
			0) {
		seccomp_release(filter);
		return NULL;
	}
	return filter;
}

/* Through a pipe, since libseccomp before 2.6 knows descriptors only. */
static int export_program(scmp_filter_ctx filter, struct blob *ret)
{
	_cleanup_close_ int near = -1, far = -1;
	char program[PROGRAM_MAX];
	ssize_t size;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	near = ends[0];
	far = ends[1];
	r = seccomp_export_bpf(filter, far);
	if (r < 0)
		return r;
	size = read(near, program, sizeof(program));
	if (size < 0)
		return -errno;
	ret->data = malloc((size_t)size);
	if (!ret->data)
		return -ENOMEM;
	memcpy(ret->data, program, (size_t)size);
	ret->size = (size_t)size;
	return 0;
}

int sandbox_filter_compile(scmp_filter_ctx filter, int r, struct blob *ret)
{
	if (r == 0)
		r = export_program(filter, ret);
	seccomp_release(filter);
	return r;
}

int sandbox_filter_set(const struct blob *program, int r, struct error *err)
{
	const struct sock_fprog filter = {
		.len = (unsigned short)(program->size / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)program->data};

	if (r == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		r = -errno;
	return r < 0 ? error_set(err, FAULT_OTHER, r, "cannot set the seccomp filter: %m")
		     : 0;
}

static struct blob programs[SANDBOX_USES];

static int compile(enum sandbox_use use)
{
	scmp_filter_ctx filter;

	if (programs[use].size > 0)
		return 0;
	filter = sandbox_filter_new(SCMP_ACT_ERRNO(EPERM));
	return sandbox_filter_compile(
		filter, filter ? add_rules(filter, use) : -ENOMEM, &programs[use]);
}

const struct blob *sandbox_compile(enum sandbox_use use)
{
	(void)compile(use); /* sandbox_enter() tries again, and reports it */
	return &programs[use];
}

void sandbox_set_program(enum sandbox_use use, const struct blob *program)
{
	blob_done(&programs[use]);
	programs[use] = *program;
}

int sandbox_enter(enum sandbox_use use, struct error *err)
{
	int r = compile(use);

	return sandbox_filter_set(&programs[use], r, err);
}
