/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes that do not hold up their parent. */
#pragma once

#include <sys/types.h>

#include "common/deadline.h"

/* Closes all descriptors from `first` on. -errno. */
int process_close_from(unsigned first);

/*
 * Waits for a child: 0 and its status as of waitpid(2); -ETIMEDOUT or -EINTR, and it is
 * still there.
 */
int process_wait(pid_t child, usec_t deadline, int *ret_status);

/*
 * Calls work(userdata) in a child that has no descriptors, for what may sleep in the
 * kernel beyond the reach of signals. Its -errno, or -ETIMEDOUT, -EINTR: then the child
 * is left to itself.
 */
int process_run(int (*work)(const void *userdata), const void *userdata, usec_t deadline);

/*
 * The same without waiting: the child is left to itself. -errno, -EAGAIN when as many as
 * there is room for are at work already.
 */
int process_leave(int (*work)(const void *userdata), const void *userdata);

/* Collects the children that were left to themselves and have ended. */
void process_reap(void);
