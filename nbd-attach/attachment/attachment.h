/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a target to a device that is ready to use, and back to nothing. */
#pragma once

#include "attachment/claim.h"
#include "attachment/state.h"
#include "common/error.h"
#include "link/encryption.h"
#include "target/target.h"

/* A device of ours, in the hands of this process. */
struct attachment {
	struct claim claim;
	struct state state;
	int sockets[NBD_LINKS_MAX]; /* the links', beside the kernel's; -1: not at hand */
	struct encryption encryption[NBD_LINKS_MAX];
	struct error plaintext;      /* the kernel does not encrypt; fault 0: it does */
	bool adopted;                /* from another process, just now */
	pid_t relays[NBD_LINKS_MAX]; /* the processes that carry their data; 0: none */
};
#define ATTACHMENT_NONE       \
	((struct attachment){ \
		.claim = CLAIM_NONE, .sockets = {[0 ... NBD_LINKS_MAX - 1] = -1}})

/* Gives up the claim and the sockets; the device stays as it is. */
void attachment_done(struct attachment *a);
#define _cleanup_attachment_ _cleanup_(attachment_done)

/* It is ready to use; the state is to be written. */
void attachment_ready(struct attachment *a);

/*
 * encryption_check() of all links. What it has seen goes into the state, and that it was
 * plaintext into a->plaintext, for good.
 */
int attachment_check_encryption(struct attachment *a, struct error *err);

/* The kernel's seconds; infinity is as long as it can wait. */
uint64_t attachment_seconds(usec_t span);

/* NBD_ATTR_TIMEOUT of a device with that many links: see design, "failure rules". */
uint64_t attachment_timeout(const struct target *t, unsigned links, bool supervised);
