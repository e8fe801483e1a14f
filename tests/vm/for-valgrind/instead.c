/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands in for the real functions under valgrind: it needs more of the kernel in a
 * worker than the sandbox allows, and more memory, it is what /proc/self/exe means, and some
 * versions (3.19) do not know pidfd_open(2).
 */
#include <errno.h>
#include <sys/wait.h>

#include "common/process.h"
#include "link/sandbox.h"
#include "link/worker-exec.h"

#define PAUSE (10 * USEC_PER_MSEC)

int __wrap_sandbox_enter(enum sandbox_use use, struct error *err);
int __wrap_sandbox_restrict_connector(struct error *err);
void __wrap_sandbox_limit_memory(void);
void __wrap_wipe_free_memory(void);
_Noreturn void __wrap_worker_exec_run(const struct worker_order *order);
int __wrap_process_wait(pid_t child, usec_t deadline, int *ret_status);
int __wrap_process_run(
	int (*work)(const void *userdata), const void *userdata, usec_t deadline);

int __wrap_sandbox_enter(_unused_ enum sandbox_use use, _unused_ struct error *err)
{
	return 0;
}

int __wrap_sandbox_restrict_connector(_unused_ struct error *err)
{
	return 0;
}

void __wrap_sandbox_limit_memory(void)
{
}

void __wrap_wipe_free_memory(void)
{
}

_Noreturn void __wrap_worker_exec_run(const struct worker_order *order)
{
	worker_run(order);
}

int __wrap_process_wait(pid_t child, usec_t deadline, int *ret_status)
{
	pid_t ended;

	while ((ended = waitpid(child, ret_status, WNOHANG)) == 0) {
		int r = deadline_sleep(PAUSE, deadline);

		if (r < 0)
			return r;
	}
	return ended < 0 ? -errno : 0;
}

int __wrap_process_run(
	int (*work)(const void *userdata), const void *userdata, usec_t deadline)
{
	pid_t child = process_start(work, userdata);
	int status = 0,
	    r = child < 0 ? child : __wrap_process_wait(child, deadline, &status);

	return r < 0 ? r : process_result(status);
}
