/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes that do not hold up their parent. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/deadline.h"

/*
 * Closes all descriptors from `first` to `last`, close_range(2), on kernels and in
 * sandboxes without it, too. -errno.
 */
int process_close_range(unsigned first, unsigned last);
#define PROCESS_FD_LAST (~0U)

/*
 * Makes fds[0] descriptor 0, fds[1] descriptor 1, and so on, and closes all others; -1
 * stands for /dev/null. -errno.
 */
#define PROCESS_KEEP_MAX 8
int process_keep_only(const int *fds, unsigned n);

/*
 * Waits for a child: 0 and its status as of waitpid(2); -ETIMEDOUT or -EINTR, and it is
 * still there.
 */
int process_wait(pid_t child, usec_t deadline, int *ret_status);

/*
 * Waits for the end of a process that is no child of ours, also of one that is gone
 * already: 0, -ETIMEDOUT, -EINTR, or another -errno.
 */
int process_wait_for_end(pid_t pid, usec_t deadline);

/*
 * Calls work(userdata) in a child that has no descriptors, for what may sleep in the
 * kernel beyond the reach of signals. Its -errno, or -ETIMEDOUT, -EINTR: then the child
 * is left to itself.
 */
int process_run(int (*work)(const void *userdata), const void *userdata, usec_t deadline);

/*
 * The same without waiting: the child's pid, or -errno. process_poll() then tells whether
 * it has ended: 0 and what it returned, or -EAGAIN.
 */
pid_t process_start(int (*work)(const void *userdata), const void *userdata);
int process_poll(pid_t child, int *ret_result);

/*
 * Kills a child. It is not waited for longer than a moment: one that sleeps in the kernel
 * beyond the reach of signals is collected later, by process_reap().
 */
void process_kill(pid_t child);

/*
 * What the work of a child returned, of its status as of waitpid(2). -EINTR: a signal
 * that asks to end has ended it, as a terminal's come to children, too; -EIO: it was
 * killed.
 */
int process_result(int status);

/* Whether it sleeps in the kernel, rather than runs or is ready to. */
bool process_sleeps(pid_t pid);

/* Leaves a child to itself. */
void process_abandon(pid_t child);

/* Collects the children that were left to themselves and have ended. */
void process_reap(void);
