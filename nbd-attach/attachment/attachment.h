/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a target to a device that is ready to use, and back to nothing. */
#pragma once

#include "attachment/claim.h"
#include "attachment/state.h"
#include "common/error.h"
#include "link/encryption.h"
#include "target/target.h"
#include "wire/credentials.h"

/* A device of ours, held by this process. */
struct attachment {
	struct claim claim;
	struct state state;
	int sockets[NBD_LINKS_MAX]; /* our duplicates of the kernel's; -1: none */
	struct encryption encryption[NBD_LINKS_MAX];
	struct error plaintext; /* that the kernel does not encrypt; fault 0: it does */
	bool adopted;           /* just now, from another process */
	bool unread; /* made by this process; its partition table was never read */
	pid_t relays[NBD_LINKS_MAX]; /* processes that carry the links' data; 0: none */
	struct credentials credentials; /* that its first links were made with … */
	bool has_credentials;           /* … if the supervisor has not taken them */
};
#define ATTACHMENT_NONE       \
	((struct attachment){ \
		.claim = CLAIM_NONE, .sockets = {[0 ... NBD_LINKS_MAX - 1] = -1}})

/* Releases the claim, sockets and credentials; the device stays attached. */
void attachment_done(struct attachment *a);
#define _cleanup_attachment_ _cleanup_(attachment_done)

/* Whether NAME has a device and a supervisor. */
bool attachment_is_supervised(const char *name);

/* Marks the device as ready to use; the caller writes the state. */
void attachment_ready(struct attachment *a);

/*
 * Calls encryption_check() for all links. Confirmed encryption goes into the state;
 * plaintext into a->plaintext, for good.
 */
int attachment_check_encryption(struct attachment *a, struct error *err);

/* A span in seconds for the kernel; infinity is the longest that it can wait. */
uint64_t attachment_seconds(usec_t span);

/*
 * NBD_ATTR_TIMEOUT of a new device with that many links, or NBD_UNSET; its queue's
 * io_timeout in milliseconds, or 0: the former sets it.
 */
uint64_t attachment_timeout(const struct target *t, unsigned links, bool supervised);
unsigned attachment_io_timeout(unsigned links, bool supervised);
