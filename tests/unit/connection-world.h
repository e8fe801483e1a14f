/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world around one connection, for tests of connection.c: the functions that it calls
 * are replaced by ones that note the call, and time passes only when a test says so.
 */
#pragma once

#include "supervisor/connection.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/handover.h"

#define CALLS_SIZE 256

struct connection_world {
	usec_t now;
	char calls[CALLS_SIZE]; /* one word each: since they were forgotten last */
	bool no_worker;         /* no attempt can be started */
	bool connected;         /* the next attempt has a connection, and no report yet */
	bool connector_stays;   /* a failed attempt leaves its connector */
	bool on_root_disk;      /* what the program runs from lies on the disk */
	bool no_keys;           /* the credentials cannot be read */
	bool kept;              /* the manager has a duplicate of the link's socket */
	bool endable;           /* it ends a link of which there is no descriptor */
	bool plain;             /* the kernel does not encrypt */
	bool no_handover;       /* the kernel takes no link */
	bool busy;              /* … because it knows of none that is dead */
	int alert;              /* of TLS, which a link ends with; 0: none */
	bool reset;             /* it was the server that has ended the link */
	bool blind;             /* the device's counters cannot be read */
	bool discarded;         /* what the lost link has not sent */
	struct sysfs_io io;
	struct error found; /* what the next attempt ends with; FAULT_NONE: a link … */
	int result;         /* the first of these as an errno; 0: any */
	struct error geometry;           /* … and what its check says of it */
	uint64_t size;                   /* of the export that it leads to */
	char address[ADDRESS_TEXT_SIZE]; /* … and where it goes */
	struct target target;
	struct attachment a;
	struct supervisor s;
	struct connection *conn; /* the last of s.conns that are in use */
};
extern struct connection_world world;

/* What getrandom() gives, on which the delays depend; stays as it is in the next world.
 */
extern uint32_t world_random;

/* A device whose links have been up for long, with requests in flight. */
void connection_world_begin(unsigned links);
void connection_world_end(void);

/* Something to stand for a socket. */
int some_descriptor(void);

/* Which phases an attempt belongs to, and which the link that it gave. */
bool connection_is_attempting(void);
bool connection_has_candidate(void);

/* Whether the connection is as it must be in its phase, whatever led to it. */
bool connection_is_consistent(bool adopted);

/* Whether the table has told that the event may lead from `before` to where it is now. */
bool transition_is_listed(enum phase before, enum connection_event event);
