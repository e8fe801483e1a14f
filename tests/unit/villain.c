/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/tls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/fd.h"
#include "villain.h"

void tell(char *told, const char *what)
{
	size_t used = strlen(told);

	snprintf(told + used, ERROR_TEXT_SIZE / 2 - used, " %s", what);
}

#if defined(__x86_64__)
#define X32_BIT 0x40000000

void call_i386(char *told)
{
	long number = 20, r; /* getpid() there, writev() here */

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(number) : "memory");
	tell(told, "i386");
}

void call_x32(char *told)
{
	syscall(X32_BIT | SYS_getpid);
	tell(told, "x32");
}
#endif

#ifndef SYS_mmap /* 32-bit: the offset is in pages */
#define SYS_mmap SYS_mmap2
#endif

#define SMALL ((size_t)1024 * 1024)
#define LARGE ((size_t)64 * 1024 * 1024)

void hoard(char *told)
{
	void *(*volatile allocate)(size_t) = malloc; /* or compilers leave calls out */
	size_t sum = 0;
	char *piece;

	if (!allocate(SMALL)) /* a server's certificates need no less */
		tell(told, "hardly any memory");
	while (sum < LARGE &&
		(piece = mmap(NULL, SMALL, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
		sum += SMALL;
	if (sum >= LARGE)
		tell(told, "memory by mmap");
#ifndef __SANITIZE_ADDRESS__ /* which ends the process */
	if (allocate(LARGE))
		tell(told, "memory by malloc");
#endif
	if (errno != ENOMEM && errno != EAGAIN) /* EAGAIN: of memory that is locked */
		tell(told, "another error");
}

struct call {
	const char *name;
	long number, args[6];
};

#define CALL(name, ...)             \
	{                           \
#name, SYS_##name,  \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define P(pointer) (long)(pointer)

/* Tells those that do not fail with that error. */
static void try_calls(const struct call *calls, size_t n, int error, char *told)
{
	for (size_t i = 0; i < n; i++) {
		const long *a = calls[i].args;

		if (syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) >= 0 ||
			errno != error)
			tell(told, calls[i].name);
	}
}

void call_kernel(char *told)
{
	static char passwd[] = "/etc/passwd", null[] = "/dev/null", folder[] = "/tmp";
	static char path[] = "/tmp/test-sandbox";
	static char *none[] = {NULL};
	static char page[16];
	struct iovec iov = {page, sizeof(page)};
	const long parent = getppid(), here = AT_FDCWD, ours = (long)&iov;
	const struct call calls[] = {
		CALL(openat, here, P(passwd), O_RDONLY),
		{"openat of a device", SYS_openat, {here, P(null), O_RDWR}},
		{"openat of a process", SYS_openat, {here, P("/proc/self/mem"), O_RDWR}},
		CALL(openat2, here, P(passwd), P(page), 0),
		CALL(name_to_handle_at, here, P(passwd), P(page), P(page), 0),
		CALL(memfd_create, P(page), 0),
		CALL(unlinkat, here, P(path), 0),
		CALL(renameat2, here, P(path), here, P(null), 0),
		CALL(linkat, here, P(path), here, P(null), 0),
		CALL(mkdirat, here, P(folder), 0700),
		CALL(mknodat, here, P(folder), 0, 0),
		CALL(fchmodat, here, P(passwd), 0600),
		CALL(fchownat, here, P(passwd), 0, 0, 0),
		CALL(truncate, P(passwd), 0),
		CALL(chdir, P(folder)),
		CALL(chroot, P(folder)),
		CALL(mount, P(folder), P(folder), 0, 0, 0),
		CALL(umount2, P(folder), 0),
		CALL(getdents64, SERVER, P(page), sizeof(page)),
		CALL(statx, here, P(passwd), 0, 0, P(page)),
		CALL(socket, AF_INET, SOCK_STREAM, 0),
		{"socket of netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 16}},
		CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, P(page)),
		CALL(connect, SERVER, P(page), sizeof(page)),
		CALL(bind, SERVER, P(page), sizeof(page)),
		CALL(listen, SERVER, 1),
		CALL(accept4, SERVER, 0, 0, 0),
		CALL(ioctl, SERVER, FIONREAD, P(page)),
		CALL(fcntl, SERVER, F_DUPFD, 0),
		CALL(dup, SERVER),
		CALL(execve, P("/bin/true"), P(none), P(none)),
		CALL(execveat, here, P("/bin/true"), P(none), P(none), 0),
		CALL(clone, SIGCHLD, 0, 0, 0, 0),
		CALL(clone3, P(page), sizeof(page)),
		CALL(unshare, 0),
		CALL(setns, SERVER, 0),
		CALL(kill, parent, 0),
		CALL(tgkill, parent, parent, 0),
		CALL(pidfd_open, parent, 0),
		CALL(ptrace, PTRACE_SEIZE, parent, 0, 0),
		CALL(process_vm_readv, parent, ours, 1, ours, 1, 0),
		CALL(process_vm_writev, parent, ours, 1, ours, 1, 0),
		CALL(setuid, 0),
		CALL(setresgid, 0, 0, 0),
		CALL(setgroups, 0, 0),
		CALL(capset, P(page), 0),
		{"prctl of dumping", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}},
#ifndef __s390x__ /* its arguments are in memory, where no filter sees them */
		{"mmap of code", SYS_mmap,
			{0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
				-1}},
		{"mmap of a descriptor", SYS_mmap,
			{0, 4096, PROT_READ, MAP_PRIVATE, SERVER, 0}},
#endif
		{"mprotect to code", SYS_mprotect, {0, 4096, PROT_EXEC}},
		CALL(bpf, 0, P(page), sizeof(page)),
		CALL(keyctl, 0, 0, 0, 0, 0),
		CALL(add_key, P(page), P(page), 0, 0, 0),
		CALL(io_uring_setup, 1, P(page)),
		CALL(userfaultfd, 0),
		CALL(perf_event_open, P(page), 0, -1, -1, 0),
		CALL(init_module, P(page), 0, P(page)),
		CALL(reboot, 0, 0, 0, 0),
		{"setsockopt of a socket's mark", SYS_setsockopt,
			{SERVER, SOL_SOCKET, SO_MARK, P(page), sizeof(int)}},
		{"setsockopt of TCP's congestion control", SYS_setsockopt,
			{SERVER, IPPROTO_TCP, TCP_CONGESTION, P(page), 1}},
		{"setsockopt of TCP's repair", SYS_setsockopt,
			{SERVER, IPPROTO_TCP, TCP_REPAIR, P(page), sizeof(int)}},
		{"setsockopt of TCP's fast open", SYS_setsockopt,
			{SERVER, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, P(page),
				sizeof(int)}},
		{"setsockopt of TLS's zero copy", SYS_setsockopt,
			{SERVER, SOL_TLS, TLS_TX_ZEROCOPY_RO, P(page), sizeof(int)}},
		CALL(getsockopt, SERVER, SOL_SOCKET, SO_TYPE, P(page), P(page)),
		{"sendto an address", SYS_sendto,
			{SERVER, P(page), 1, 0, P(page), sizeof(page)}},
		{"sendto by fast open", SYS_sendto,
			{SERVER, P(page), 1, MSG_FASTOPEN, 0, 0}},
		CALL(sendmsg, SERVER, P(page), 0),
		CALL(sendmmsg, SERVER, P(page), 1, 0),
		CALL(recvmsg, SERVER, P(page), 0),
		CALL(recvmmsg, SERVER, P(page), 1, 0, 0),
		CALL(splice, SERVER, 0, SERVER, 0, 1, 0),
		CALL(sendfile, SERVER, 0, 0, 1),
		CALL(dup3, SERVER, 20, 0),
#ifndef __SANITIZE_ADDRESS__
		{"madvise to poison", SYS_madvise, {0, 4096, MADV_HWPOISON}},
#endif
		{"futex with inheritance", SYS_futex, {P(page), FUTEX_LOCK_PI, 0, 0}},
		{"prctl of another death", SYS_prctl, {PR_SET_PDEATHSIG, SIGTERM}},
		CALL(pkey_mprotect, 0, 4096, PROT_READ, 0),
		CALL(remap_file_pages, 0, 4096, 0, 0, 0),
		CALL(io_submit, 0, 0, 0),
		CALL(setrlimit, RLIMIT_CPU, P(page)),
		CALL(prlimit64, 0, RLIMIT_CPU, P(page), 0),
		CALL(pidfd_getfd, SERVER, 0, 0),
	};

	try_calls(calls, ELEMENTSOF(calls), EPERM, told);
}

void call_for_names(char *told)
{
	static char folder[] = "/tmp", page[16];
	static char *none[] = {NULL};
	struct iovec iov = {page, sizeof(page)};
	const long parent = getppid(), ours = (long)&iov;
	const struct call calls[] = {
		CALL(ptrace, PTRACE_TRACEME, 0, 0, 0),
		CALL(process_vm_readv, getpid(), ours, 1, ours, 1, 0),
		CALL(kill, parent, 0),
		CALL(tgkill, parent, parent, 0),
		CALL(tkill, parent, 0),
		CALL(pidfd_getfd, SERVER, 0, 0),
		CALL(prlimit64, parent, RLIMIT_CPU, 0, P(page)),
		CALL(sched_setaffinity, parent, 1, P(page)),
		CALL(execve, P("/bin/true"), P(none), P(none)),
		CALL(execveat, AT_FDCWD, P("/bin/true"), P(none), P(none), 0),
#ifdef __s390x__ /* the stack comes first */
		{"clone with a namespace", SYS_clone, {0, CLONE_NEWUSER | SIGCHLD}},
#else
		{"clone with a namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
#endif
		CALL(unshare, CLONE_NEWUSER),
		CALL(setns, SERVER, 0),
		CALL(mount, P(folder), P(folder), 0, 0, 0),
		CALL(bpf, 0, P(page), sizeof(page)),
		CALL(userfaultfd, 0),
		CALL(io_uring_setup, 1, P(page)),
		CALL(keyctl, 0, 0, 0, 0, 0),
		CALL(perf_event_open, P(page), 0, -1, -1, 0),
		CALL(init_module, P(page), 0, P(page)),
		CALL(reboot, 0, 0, 0, 0),
	};
	const struct call unknown[] = {CALL(clone3, P(page), sizeof(page))};

	try_calls(calls, ELEMENTSOF(calls), EPERM, told);
	try_calls(unknown, ELEMENTSOF(unknown), ENOSYS, told);
}

void use_encryption(char *told)
{
	static const struct {
		const char *name;
		int level, option;
		bool allowed;
	} rows[] = {
		{"TCP_ULP", IPPROTO_TCP, TCP_ULP, true},
		{"TLS_TX", SOL_TLS, TLS_TX, true},
		{"TLS_RX", SOL_TLS, TLS_RX, true},
		{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, false},
	};
	static char value[sizeof(int)];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		bool refused = fd_set_option(SERVER, rows[i].level, rows[i].option, value,
				       sizeof(value)) < 0 &&
			(errno == EPERM || errno == EACCES);

		if (refused == rows[i].allowed)
			tell(told, rows[i].name);
	}
}

static void *be_thread(void *argument)
{
	return argument;
}

static bool has_thread(void)
{
	static char word;
	pthread_t thread;
	void *result = NULL;

	return pthread_create(&thread, NULL, be_thread, &word) == 0 &&
		pthread_join(thread, &result) == 0 && result == &word;
}

static bool has_child(void)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0)
		_exit(0);
	return waitpid(child, &status, 0) == child && status == 0;
}

/* A daemon's socket; it may not be there, but can be asked for. */
static bool has_daemon(void)
{
	const struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = "/nonexistent/daemon"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
		errno == ENOENT;
}

void use_names(char *told)
{
	struct addrinfo *list = NULL;
	int fd;

	if (!has_thread())
		tell(told, "no thread");
	if (!has_child())
		tell(told, "no child");
	if (!has_daemon())
		tell(told, "no daemon");
	if (socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0)
		tell(told, "no netlink");
	if (epoll_create1(EPOLL_CLOEXEC) < 0)
		tell(told, "no epoll");
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		tell(told, "no module");
	if (getaddrinfo("localhost", NULL, NULL, &list) != 0)
		tell(told, "no localhost");
	freeaddrinfo(list);
}
