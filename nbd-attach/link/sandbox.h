/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link worker gives up before the server's first byte reaches it. */
#pragma once

#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"

/*
 * Looks up who that is, before the fork: once, so that no attempt has to read a disk or
 * to ask a name service for it.
 */
void sandbox_find_user(void);

/* Says in the log that there is no such user, for who makes links for long. */
void sandbox_report_user(void);

/* Whom that has found; and for a worker that is executed, whom its parent has found. */
struct sandbox_user {
	uid_t uid;
	gid_t gid;
};
struct sandbox_user sandbox_user(void);
void sandbox_set_user(struct sandbox_user user);

/* No more processor time than is left until the deadline, for a process that ends then.
 */
void sandbox_limit_time(usec_t deadline);

/*
 * Becomes the unprivileged user (nbd-attach if there is one, else 65534), if the process
 * is root, with no groups and no capabilities, and may never gain privileges again. What
 * the process has in memory is no longer readable by others of that user. From here on it
 * dies with its parent (a change of user would undo that, so it comes last).
 */
int sandbox_drop_privileges(struct error *err);

/* For /proc/self/oom_score_adj. */
#define OOM_PROTECTED "-1000"
#define OOM_ORDINARY  "0"

/*
 * Before the former, as root: makes the process one that may have to move bytes for the
 * kernel when memory is short. All that it has and will have is locked, the kernel does
 * not make it wait for writeback, and it is not the one to be killed; nor does a signal
 * but SIGKILL end it, for it ends by itself. What the kernel does not grant is done
 * without.
 */
int sandbox_prepare_relay(struct error *err);

/*
 * What carries the data of the disk that the system runs from is to live as long as the
 * disk: relays of this process, which is such a disk's supervisor, leave its unit, and
 * keep root as their real user, whom systemd looks at when it kills what is left at
 * shutdown. (It also looks for the "@" that begins our name.) No right comes of that: all
 * capabilities are gone, and in the sandbox no call changes the user.
 */
void sandbox_spare_relays(void);

/*
 * Once all is there that it needs: more memory than what a server's messages may rightly
 * take it does not get from here on. A relay is locked in memory and protected from the
 * OOM killer: without a limit whoever took it over could bring the machine down.
 */
void sandbox_limit_memory(void);

/* It does not die with its parent any more. */
void sandbox_outlive_parent(void);

/*
 * For the connector, in which a name service's modules run, and they are anybody's: open,
 * connect, threads and the like it keeps, as they use them to ask a daemon. What none of
 * them needs fails with EPERM: to reach into other processes or signal them, another
 * program, namespaces and mounts, and those parts of the kernel that are most often
 * broken. The system calls of another architecture than ours end the process.
 */
int sandbox_forbid(struct error *err);

enum sandbox_use {
	SANDBOX_ASK,   /* no more than that */
	SANDBOX_LINK,  /* and the link's keys go to the kernel */
	SANDBOX_RELAY, /* and it outlives its parent */
};

/*
 * From here on: bytes to and from descriptors that are open, memory, time. Whatever else
 * is tried fails with EPERM: no open, no socket, no connection to elsewhere, no new
 * program, no signal to others. The system calls of another architecture than ours end
 * the process.
 */
int sandbox_close(enum sandbox_use use, struct error *err);
