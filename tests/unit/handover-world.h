/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver that keeps its timeouts as nbd_genl_reconfigure() does, around handover.c,
 * deferred.c and driver-timeouts.c; time passes only when a test says so.
 */
#pragma once

#include "common/timeouts.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/handover.h"

/* queue/io_timeout, ms: ours, and the driver's own. */
#define SHORT SUPERVISED_IO_TIMEOUT_MSEC
#define LONG  30000

struct handover_world {
	usec_t now;
	uint64_t timeout;   /* NBD_ATTR_TIMEOUT, seconds */
	uint64_t reconnect; /* NBD_ATTR_DEAD_CONN_TIMEOUT, if it was changed */
	unsigned msec;      /* queue/io_timeout */
	bool dead;          /* the driver knows that its link is */
	bool frozen;        /* nobody comes to write io_timeout */
	bool slow;          /* requests are in flight, and none is completed */
	bool no_child;
	bool kept; /* the manager has a duplicate of the link's socket */
	int r;     /* what the child returns */
	bool killed;
	uint64_t endable; /* the socket that the kernel ends for us */
	bool ended;
	usec_t short_for; /* how long the timeout was 1 with a link that lives */
	struct target target;
	struct attachment a;
	struct supervisor s;
};
extern struct handover_world world;

/* cmocka's setup and teardown: a device with a single link that is up. */
int handover_world_begin(void **state);
int handover_world_end(void **state);

void handover_world_pass(usec_t span);
