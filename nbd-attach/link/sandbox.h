/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sandbox of a link worker, entered before it reads the server's first byte. */
#pragma once

#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"
#include "common/file.h"

/*
 * Looks up the unprivileged user, before the fork: once, so that no attempt has to read a
 * disk or ask a name service for it.
 */
void sandbox_find_user(void);

/* Logs that there is no such user; for supervisors. */
void sandbox_report_user(void);

/* The user that was found; an executed worker gets it from its parent. */
struct sandbox_user {
	uid_t uid;
	gid_t gid;
};
struct sandbox_user sandbox_user(void);
void sandbox_set_user(struct sandbox_user user);

/* Limits CPU time to what is left until the deadline, when the process must end. */
void sandbox_limit_time(usec_t deadline);

/*
 * Becomes the unprivileged user (nbd-attach if there is one, else 65534), if the process
 * is root, without groups and capabilities, and can never gain privileges again. Its
 * memory is not readable by other processes of that user. From here on it dies with its
 * parent (changing the user resets that, so it comes last).
 */
int sandbox_drop_privileges(struct error *err);

/* For /proc/self/oom_score_adj. */
#define OOM_PROTECTED "-1000"
#define OOM_ORDINARY  "0"

/*
 * Before sandbox_drop_privileges(), as root: prepares a process that may have to move
 * bytes for the kernel when memory is short. Its memory is locked, now and later, the
 * kernel does not make it wait for writeback, and the OOM killer spares it. Signals other
 * than SIGKILL are ignored, because it ends by itself. Except for locked memory, all of
 * this is optional.
 */
int sandbox_prepare_relay(struct error *err);

/*
 * Lets relays of this process, the supervisor of the disk that the system runs from, live
 * as long as that disk: they leave its unit, and keep root as their real user, which
 * systemd checks when it kills remaining processes at shutdown (besides the "@" at the
 * beginning of our name). This gives no privileges: all capabilities are gone, and the
 * sandbox allows no call that changes the user.
 */
void sandbox_keep_relays_at_shutdown(void);

/*
 * Limits memory to what is mapped now and what a server's messages can need. A relay is
 * locked in memory and protected from the OOM killer: without a limit, an attacker who
 * took it over could bring the machine down.
 */
void sandbox_limit_memory(void);

/* From here on the process does not die with its parent. */
void sandbox_outlive_parent(void);

/*
 * The connector's sandbox. NSS modules run in it, which may be of any origin, so it can
 * still open, connect and make threads: they do so to ask a daemon. What no module needs
 * fails with EPERM: access and signals to other processes, execve(2), namespaces and
 * mounts, and the parts of the kernel that have had most holes. System calls of another
 * architecture kill the process.
 */
int sandbox_restrict_connector(struct error *err);

/* Compiles its filter: once, before the fork, since libseccomp takes its time. */
void sandbox_compile_connector(void);

enum sandbox_use {
	SANDBOX_QUERY, /* only asks */
	SANDBOX_LINK,  /* and gives the link's keys to the kernel */
	SANDBOX_RELAY, /* and outlives its parent */
	SANDBOX_USES
};

/* The same for a worker. The filter as bytes for an executed one; empty: it failed. */
const struct blob *sandbox_compile(enum sandbox_use use);

/* In an executed worker: takes its parent's. */
void sandbox_set_program(enum sandbox_use use, const struct blob *program);

/*
 * The worker's sandbox: it can read and write open descriptors, get memory and read the
 * time. Everything else fails with EPERM: no open, no socket, no other connection, no
 * execve(2), no signal to others. System calls of another architecture kill the process.
 */
int sandbox_enter(enum sandbox_use use, struct error *err);
