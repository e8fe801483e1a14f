/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into user-mode Linux before 7: these write back as much of a process's
 * extended registers as there was when they were built, and a host whose processor has
 * more (AMX: 11 KB) takes all or nothing (EFAULT). So the missing part is filled in with
 * what the process has.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define XSTATE_MAX 65536
#define XSTATE_BV  512 /* which components are in use: the XSAVE header's first word */
#define AMX_IN_USE (UINT64_C(3) << 17)

typedef long (*ptrace_fn)(enum __ptrace_request request, ...);

static long set_xstate(ptrace_fn real, pid_t pid, void *type, const struct iovec *part)
{
	static unsigned char whole[XSTATE_MAX] __attribute__((aligned(64)));
	struct iovec iov = {.iov_base = whole, .iov_len = sizeof(whole)};
	uint64_t used;

	if (real(PTRACE_GETREGSET, pid, type, &iov) < 0 || iov.iov_len <= part->iov_len)
		return real(PTRACE_SETREGSET, pid, type, part);
	memcpy(whole, part->iov_base, part->iov_len);
	memcpy(&used, whole + XSTATE_BV, sizeof(used));
	used &= ~AMX_IN_USE;
	memcpy(whole + XSTATE_BV, &used, sizeof(used));
	return real(PTRACE_SETREGSET, pid, type, &iov);
}

__attribute__((visibility("default"))) long ptrace(enum __ptrace_request request, ...)
{
	static ptrace_fn real;
	va_list args;
	pid_t pid;
	void *address, *data;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	address = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (!real)
		real = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE)
		return set_xstate(real, pid, address, data);
	return real(request, pid, address, data);
}
