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
#include <sys/types.h>

#include "common/error.h"
#include "kernel/limits.h"
#include "target/target.h"
#include "wire/connect.h"
#include "wire/negotiate.h"

#define STATE_DIRECTORY  "/run/nbd-attach"
#define STATE_FILE       "state.json"
#define STATE_VERSION    3
#define STATE_TEXT_SIZE  128
#define STATE_EVENT_SIZE 320
#define STATE_EVENTS_MAX 32

/* How a link is. The words in the file, in this order: "up", "reconnecting", "refused".
 */
enum link_state {
	LINK_UP,
	LINK_RECONNECTING, /* lost; its server is not reached yet */
	LINK_REFUSED,      /* lost; a server answers, and must not be used: see error */
};

/* The word for it, in the file and on screen. */
const char *state_link_word(enum link_state state);

struct state_link {
	enum link_state state;
	char address[ADDRESS_TEXT_SIZE]; /* of the server that it goes to, or went to */
	uint64_t socket;    /* inode number of the kernel's socket; 0: none */
	uint64_t candidate; /* of one that is just being handed over; 0: none */
	int64_t since;      /* when the state began: seconds, wall clock */
	uint64_t reconnects;
	bool encrypts;               /* the kernel was seen to encrypt what it sends */
	char error[ERROR_TEXT_SIZE]; /* why the last attempt failed; "": it did not */
};

/* What happened, for monitor: the last STATE_EVENTS_MAX of them. */
struct state_event {
	uint64_t number; /* from 1, one more each time */
	int64_t time;    /* microseconds, wall clock */
	int link;        /* from 0; -1: the whole device */
	char kind[16];   /* one word for scripts: "lost", "retry", "restored", … */
	char text[STATE_EVENT_SIZE]; /* for people */
};

struct state {
	unsigned
		index; /* N of /dev/nbdN, as far as known: the kernel has the last word */
	bool ready;    /* it has come to be usable */
	uint64_t size;
	uint32_t block_size;
	uint32_t maximum; /* bytes of a request that the kernel may send */
	uint16_t flags;
	unsigned n_links;
	struct state_link links[NBD_LINKS_MAX];
	bool tls;
	bool tls_verified;
	char tls_version[STATE_TEXT_SIZE];
	char tls_cipher[STATE_TEXT_SIZE];
	char relay[ERROR_TEXT_SIZE];  /* why user space carries the data; "": the kernel
	                                 does */
	char server[STATE_TEXT_SIZE]; /* as the URI named it */
	int64_t since;                /* of the attachment: seconds, wall clock */
	uint64_t repeated;            /* requests that were under way when a link ended */
	bool break_before_make; /* the server takes no connection beside those it has */
	uint64_t n_events;      /* so far; event number n is events[n % MAX] */
	struct state_event events[STATE_EVENTS_MAX];
};

/* An attachment's name, held by one process at a time: a lock in its directory. */
struct claim {
	int root_fd;
	int fd;   /* the directory */
	int lock; /* the file "lock" in it, root's alone, locked (fcntl(2)) */
	char name[NBD_NAME_MAX + 1];
};
#define CLAIM_NONE ((struct claim){.root_fd = -1, .fd = -1, .lock = -1})

/*
 * Makes /run/nbd-attach/NAME if need be and locks it. -EBUSY: another process is at work
 * on it. FAULT_KERNEL where it is missing rights, -EROFS, a full disk.
 */
int state_claim(const char *name, struct claim *ret, struct error *err);

/* Gives up the lock. The directory goes too, unless there is a state in it. */
void state_release(struct claim *claim);
#define _cleanup_claim_ _cleanup_(state_release)

/*
 * Whether somebody holds the claim on NAME just now: its supervisor, or who attaches or
 * detaches it. *ret_pid is who, and 0 where that cannot be seen from here (another PID
 * namespace). Not for one's own claim: to ask would end it (fcntl(2), "record locks").
 */
bool state_is_held(const char *name, pid_t *ret_pid);

/* The target goes along: its URI and options are all that another daemon needs. */
int state_write(const struct claim *claim, const struct state *state,
	const struct target *t, struct error *err);

/* Marks it as an initramfs's: units of the system keep their hands off it. */
void state_mark_initrd(const struct claim *claim);
bool state_is_initrd(const char *name);

/* Forgets the state; the directory goes with state_release(). */
void state_forget(const struct claim *claim);

/*
 * Reads NAME's state, and what was wanted (ret_target may be NULL; it is the caller's to
 * release). -ENOENT, FAULT_NO_SUCH: there is none. -EBADMSG: it is broken, or of a
 * version that this program does not know; err says which file, FAULT_OTHER.
 */
int state_read(const char *name, struct state *ret, struct target *ret_target,
	struct error *err);

/* What the driver was told of the device, to be read back. */
struct limits state_limits(const struct state *state);

/* What is known of the TLS of a link, taken into the state. */
void state_set_tls(struct state *state, const struct server_facts *facts);

/* Adds an event; the oldest makes room. The state is not written. */
void state_add_event(struct state *state, int link, const char *kind, const char *format,
	...) _printf_(4, 5);

/* The event of that number, NULL if it has made room for others. */
const struct state_event *state_event(const struct state *state, uint64_t number);

/*
 * Calls fn for each name that has a directory, until it returns a negative value. An
 * absent /run/nbd-attach is an empty list. -errno.
 */
int state_each(int (*fn)(const char *name, void *userdata), void *userdata);
