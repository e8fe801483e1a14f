/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that are lost while the device is idle, each after the same time without data: a
 * proxy or a firewall ends idle connections. Such a link is made again like any other,
 * but not reported each time.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/* Of the links of one connection that were lost while idle, in a row. */
struct idle_losses {
	usec_t time;      /* how long the last one was idle */
	unsigned similar; /* how many before it were idle for about the same time */
};

enum idle_loss {
	IDLE_LOSS_NONE,    /* nothing that happens regularly */
	IDLE_LOSS_FOUND,   /* it does, and this is where it shows */
	IDLE_LOSS_REGULAR, /* once more */
};

/*
 * How long nothing was sent over a TCP socket, lost or not, keepalive aside: what a proxy
 * goes by. Of any other socket, and without a descriptor (-1), that is not known: its
 * age.
 */
usec_t idle_time(int fd, usec_t age);

/* A link was lost that had been idle for that time; `idle`: with no request in flight. */
enum idle_loss idle_loss_add(struct idle_losses *losses, usec_t time, bool idle);
