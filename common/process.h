/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes that do not block their parent. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/deadline.h"

/*
 * Closes all descriptors from `first` to `last`, as close_range(2), also on kernels and
 * in sandboxes without it. -errno.
 */
int process_close_range(unsigned first, unsigned last);
#define PROCESS_FD_LAST (~0U)

/*
 * Moves fds[0] to descriptor 0, fds[1] to 1, and so on, and closes all others; -1 is
 * /dev/null. -errno.
 */
#define PROCESS_KEEP_MAX 8
int process_keep_only(const int *fds, unsigned n);

/*
 * Waits for a child: 0 and its status as of waitpid(2); -ETIMEDOUT or -EINTR, and it
 * still runs.
 */
int process_wait(pid_t child, usec_t deadline, int *ret_status);

/*
 * Waits for the exit of a process that is not our child: 0, also if it is gone already;
 * -ETIMEDOUT, -EINTR, or another -errno.
 */
int process_wait_for_end(pid_t pid, usec_t deadline);

/*
 * Calls work(userdata) in a child without descriptors, for what may sleep uninterruptibly
 * in the kernel, or hang. Returns its -errno, or -ETIMEDOUT, -EINTR: then the child is
 * killed, but not waited for.
 */
int process_run(int (*work)(const void *userdata), const void *userdata, usec_t deadline);

/*
 * The same without waiting: the child's pid, or -errno. process_poll() then returns
 * -EAGAIN, or 0 and what the child returned.
 */
pid_t process_start(int (*work)(const void *userdata), const void *userdata);
int process_poll(pid_t child, int *ret_result);

/* process_start() of a child that ignores SIGINT, SIGTERM and SIGHUP. */
pid_t process_start_uninterrupted(
	int (*work)(const void *userdata), const void *userdata);

/*
 * Kills a child and waits for it, but not for long: one that sleeps uninterruptibly in
 * the kernel is reaped later, by process_reap().
 */
void process_kill(pid_t child);

/* The same; 0 and its status as of waitpid(2), or -ETIMEDOUT. */
int process_end(pid_t child, int *ret_status);

/*
 * What a child's work returned, from its status as of waitpid(2). -EINTR: it died of
 * SIGINT, SIGTERM or SIGHUP, which a terminal also sends to children; -EIO: of another
 * signal.
 */
int process_result(int status);

/* Whether a process sleeps in the kernel, rather than is running or runnable. */
bool process_sleeps(pid_t pid);

/* Waits no more for a child: process_reap() does when it has exited. */
void process_abandon(pid_t child);

/* Reaps the abandoned children that have exited. */
void process_reap(void);
