/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a target to a device that is ready to use, and back to nothing. */
#pragma once

#include "attachment/state.h"
#include "common/error.h"
#include "kernel/sysfs.h"
#include "link/encryption.h"
#include "target/target.h"

/* The kernel's name for a device of ours is this and the attachment's name. */
#define BACKEND_PREFIX "nbd-attach:"
#define BACKEND_SIZE   (sizeof(BACKEND_PREFIX) + NBD_NAME_MAX)

#define RELEASE_PATIENCE (10 * USEC_PER_SEC) /* for the driver to let go of a device */

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

/*
 * Attaches: links, state, device. With `supervised` a single link's requests never time
 * out: somebody must call supervise(), which makes the device ready. On failure nothing
 * is left in the kernel or in /run. -EEXIST: the name is taken.
 */
int attachment_create(const struct target *t, bool supervised, struct attachment *ret,
	struct error *err);

/*
 * Makes the device ready to use where nobody supervises it: see attachment/bring-up.h. On
 * failure it is there still: attachment_give_up().
 */
int attachment_make_ready(
	struct attachment *a, const struct target *t, struct error *err);

/* It is ready to use; the state is to be written. */
void attachment_ready(struct attachment *a);

/*
 * Ends a device that has not come to be ready, for the reason in err, unless somebody
 * uses it already, by the names that udev has given it: then it stays attached, and
 * counts as ready; err says that, too. -EBUSY: it stays. Otherwise r.
 */
int attachment_give_up(
	struct attachment *a, const struct target *t, int r, struct error *err);

/* Says in the log where t has it trust its server more than is usual. */
void attachment_warn(const struct attachment *a, const struct target *t);

/*
 * Takes over a device whose supervisor is gone, as its state tells. Its sockets are the
 * kernel's alone. -ENOENT: there is no such device (any more), or it had not come to be
 * ready and was taken down; -EBUSY: somebody else has it in his hands; -EEXIST,
 * FAULT_KERNEL: device and state do not fit; -EBADMSG: the state is broken.
 */
int attachment_adopt(const char *name, struct attachment *ret, struct error *err);

/*
 * The name of the device that t asks for, if it is attached and nobody supervises it.
 * -ENOENT: there is none. Where t has a name, FAULT_KERNEL: -EBUSY, that one is
 * supervised; -EEXIST, it is attached to something else, or its state is broken.
 */
int attachment_find_orphan(
	const struct target *t, char name[NBD_NAME_MAX + 1], struct error *err);

/*
 * Detaches the device that `name` is attached to; refuses while it is in use (-EBUSY),
 * unless `force`. Who has it open still keeps its number, of which is warned. Its
 * supervisor is asked to let go, and killed if it does not. Bounded in time. A state
 * without a device is cleared away. -ENOENT, FAULT_NO_SUCH: there is neither. *ret_let_go
 * (may be NULL): a supervisor has let go, and the device is still attached: it needs
 * another.
 */
int attachment_remove(const char *name, bool force, bool *ret_let_go, struct error *err);

/*
 * The same for a device in the hands of this process, whether it is ready or not. -EBUSY:
 * it is in use, err says by whom, and it stays attached. One that is gone already is of
 * no matter, and warned of.
 */
int attachment_end(struct attachment *a, usec_t udev_patience, struct error *err);

/*
 * The configured device whose backend says it is NAME's, and that is not over. -ENOENT:
 * there is none, and err is left alone. Otherwise FAULT_KERNEL.
 */
int attachment_find(const char *name, struct sysfs_device *ret, struct error *err);

/*
 * Whether a device is disconnected already, and there only for somebody who has it open:
 * the kernel shows it as before then, and tells no one but root. The name is free.
 */
bool attachment_is_over(const struct sysfs_device *device);

/* Attaching and detaching are for root: -EPERM, FAULT_KERNEL. */
int attachment_check_root(struct error *err);

/*
 * encryption_check() of all links. What it has seen goes into the state, and that it was
 * plaintext into a->plaintext, for good.
 */
int attachment_check_encryption(struct attachment *a, struct error *err);

/* The attachment's name if the device is one of ours, else NULL. */
const char *attachment_name(const struct sysfs_device *device);

/* Whether the device is the attachment of that name. */
bool attachment_is(const struct sysfs_device *device, const char *name);

/* What a device's backend identifier must be. */
void attachment_backend(const char *name, char out[BACKEND_SIZE]);

/* The kernel's seconds; infinity is as long as it can wait. */
uint64_t attachment_seconds(usec_t span);

/* NBD_ATTR_TIMEOUT of a device with that many links: see design, "failure rules". */
uint64_t attachment_timeout(const struct target *t, unsigned links, bool supervised);
