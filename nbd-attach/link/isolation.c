/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/fd.h"
#include "common/process.h"
#include "common/scope.h"
#include "common/timeouts.h"
#include "link/isolation.h"

#define OWN_NETWORK "/proc/self/ns/net"

static int empty_network = -1;

static _Noreturn void make_network(int socket)
{
	int fd = -1;

	if (unshare(CLONE_NEWNET) == 0)
		fd = open(OWN_NETWORK, O_RDONLY | O_CLOEXEC);
	_exit(fd < 0 || fd_send(socket, "", 1, fd) < 0);
}

/*
 * A child makes it, so that we never leave our own network. Not again for each attempt: a
 * link may have to be made when the network is in trouble and memory is short.
 */
void isolation_prepare(void)
{
	static bool tried;
	_cleanup_close_ int ours = -1, theirs = -1;
	char byte;
	int pair[2];
	pid_t child;

	if (tried || geteuid() != 0)
		return;
	tried = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	ours = pair[0];
	theirs = pair[1];
	child = fork();
	if (child == 0)
		make_network(theirs);
	if (child < 0)
		return;
	closep(&theirs);
	theirs = -1;
	if (deadline_wait(ours, POLLIN, deadline_after(NETWORK_NAMESPACE_TIMEOUT)) >= 0)
		(void)fd_receive(ours, &byte, sizeof(byte), &empty_network);
	process_kill(child);
}

void isolation_leave_network(void)
{
	if (empty_network >= 0)
		(void)setns(empty_network, CLONE_NEWNET);
}

#ifdef SYS_landlock_create_ruleset

/* As struct landlock_ruleset_attr, which is shorter in an old header. */
struct ruleset {
	uint64_t files, network, scope;
};

#define BITS(n) ((UINT64_C(1) << (n)) - 1)

/* How many access rights for files each Landlock ABI knows, from version 1. */
static const unsigned file_rights[] = {13, 14, 15, 15, 16};

/* Everything that this version can restrict, without an exception. */
static struct ruleset forbid_all(unsigned version)
{
	unsigned known = MIN(version, ELEMENTSOF(file_rights));

	return (struct ruleset){.files = BITS(file_rights[known - 1]),
		.network = version >= 4 ? BITS(2) : 0,
		.scope = version >= 6 ? BITS(2) : 0};
}

void isolation_restrict_self(void)
{
	/* flags 1: LANDLOCK_CREATE_RULESET_VERSION */
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1U);
	struct ruleset rules;
	long fd;

	if (version < 1)
		return;
	rules = forbid_all((unsigned)version);
	fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0U);
	if (fd < 0)
		return;
	(void)syscall(SYS_landlock_restrict_self, (int)fd, 0U);
	close((int)fd);
}

#else

void isolation_restrict_self(void)
{
}

#endif
