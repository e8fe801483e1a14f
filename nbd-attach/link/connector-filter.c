/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system calls that are forbidden to a connector. An allow list is not possible: what
 * is needed depends on the machine's NSS modules (systemd's, sssd's, winbind's, mDNS'),
 * most of which ask their daemon over a socket.
 */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <unistd.h>

#include "common/scope.h"
#include "link/sandbox-internal.h"

/* clang-format off */

/* By name, because libseccomp may be older than some of them. */
static const char *const forbidden[] = {
	/* other processes: workers and relays are of the same user */
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	"process_mrelease", "kcmp", "pidfd_getfd", "pidfd_send_signal", "kill",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "perf_event_open", "migrate_pages",
	"move_pages", "sched_setattr", "sched_setparam", "sched_setscheduler",
	"setpriority", "ioprio_set",
	/* programs: NSS modules ask a daemon, but start none */
	"execve", "execveat",
	/* namespaces and mounts; a user namespace would bring all capabilities */
	"unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot",
	"open_tree", "move_mount", "mount_setattr", "fsopen", "fsconfig", "fsmount",
	"fspick",
	/* kernel interfaces that are open to everybody and have had many holes */
	"bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"keyctl", "add_key", "request_key", "fanotify_init", "vmsplice", "modify_ldt",
	"vm86", "vm86old", "lookup_dcookie",
	/* what needs capabilities, should it ever have any */
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"reboot", "iopl", "ioperm", "settimeofday", "clock_settime", "clock_adjtime",
	"adjtimex", "sethostname", "setdomainname", "swapon", "swapoff", "acct",
	"quotactl", "quotactl_fd", "syslog", "open_by_handle_at",
};

/* clang-format on */

/* Which argument of clone(2) has its flags. */
#if defined(__s390__) || defined(__s390x__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* Stands for the connector's own number, which is not known yet; larger than any. */
#define SELF 0x7ffffffdU

/* What the C library needs for threads of this process: only for this process. */
static int restrict_to_itself(scmp_filter_ctx filter)
{
	const struct rule rules[] = {
		{SCMP_SYS(clone), 1,
			{ARG_MASKED(CLONE_FLAGS, CLONE_NEWUSER, CLONE_NEWUSER)}},
		{SCMP_SYS(tgkill), 1, {ARG_IS_NOT(0, SELF)}},
		{SCMP_SYS(tkill), 1, {ARG_IS_NOT(0, SELF)}},
		{SCMP_SYS(prlimit64), 1, {ARG_IS_NOT(0, 0)}},
		{SCMP_SYS(sched_setaffinity), 1, {ARG_IS_NOT(0, 0)}},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(rules); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), rules[i].call,
			rules[i].n, rules[i].args);
	return r;
}

static int forbid(scmp_filter_ctx filter, const char *name, int error)
{
	int call = seccomp_syscall_resolve_name(name);

	return call == __NR_SCMP_ERROR
		? 0
		: seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error), call, 0);
}

static int add_rules(scmp_filter_ctx filter)
{
	int r = restrict_to_itself(filter);

	/* its flags are in memory; on ENOSYS the C library falls back to clone(2) */
	if (r == 0)
		r = forbid(filter, "clone3", ENOSYS);
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(forbidden); i++)
		r = forbid(filter, forbidden[i], EPERM);
	return r;
}

static struct blob program; /* with SELF in place of the process's number */

static int compile(void)
{
	scmp_filter_ctx filter;

	if (program.size > 0)
		return 0;
	filter = sandbox_filter_new(SCMP_ACT_ALLOW);
	return sandbox_filter_compile(
		filter, filter ? add_rules(filter) : -ENOMEM, &program);
}

void sandbox_compile_connector(void)
{
	(void)compile(); /* the connector tries again, and reports it */
}

static void put_own_number(void)
{
	struct sock_filter *code = (struct sock_filter *)program.data;

	for (size_t i = 0; i < program.size / sizeof(*code); i++)
		if (code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && code[i].k == SELF)
			code[i].k = (uint32_t)getpid();
}

int sandbox_restrict_connector(struct error *err)
{
	int r = compile();

	put_own_number();
	return sandbox_filter_set(&program, r, err);
}
