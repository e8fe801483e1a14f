/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /run/nbd-attach/NAME/: what is known of an attachment, for list, status and whoever
 * comes next. No secret is in it. Whether the device is really ours, the kernel says (its
 * backend identifier), not this file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "target/target.h"
#include "wire/connect.h"

#define STATE_DIRECTORY "/run/nbd-attach"
#define STATE_VERSION   1
#define STATE_TEXT_SIZE 128

struct state {
	unsigned index; /* N of /dev/nbdN */
	uint64_t size;
	uint32_t block_size;
	uint16_t flags;
	unsigned links;
	bool tls;
	bool tls_verified;
	char tls_version[STATE_TEXT_SIZE];
	char tls_cipher[STATE_TEXT_SIZE];
	char server[STATE_TEXT_SIZE]; /* as the URI named it */
	int64_t since;                /* seconds, wall clock */
};

/* An attachment's name, held by one process at a time: its directory, locked. */
struct claim {
	int root_fd;
	int fd;
	char name[NBD_NAME_MAX + 1];
};

/*
 * Makes /run/nbd-attach/NAME if need be and locks it. -EBUSY: another process is at work
 * on it. FAULT_KERNEL where it is missing rights, -EROFS, a full disk.
 */
int state_claim(const char *name, struct claim *ret, struct error *err);

/* Gives up the lock. The directory goes too, unless state_write() has filled it. */
void state_release(struct claim *claim);
#define _cleanup_claim_ _cleanup_(state_release)

int state_write(const struct claim *claim, const struct state *state, struct error *err);

/* Forgets the state; the directory goes with state_release(). */
void state_forget(const struct claim *claim);

/*
 * Reads NAME's state. -ENOENT: there is none. -EBADMSG: it is broken, or of a version
 * that this program does not know; err says which file, FAULT_OTHER.
 */
int state_read(const char *name, struct state *ret, struct error *err);

/*
 * Calls fn for each name that has a directory, until it returns a negative value. An
 * absent /run/nbd-attach is an empty list. -errno.
 */
int state_each(int (*fn)(const char *name, void *userdata), void *userdata);
