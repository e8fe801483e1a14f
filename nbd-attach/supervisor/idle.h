/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that are lost while the device is idle, each at the same age: a proxy or a
 * firewall ends idle connections. Such a link is made again like any other, but not
 * reported each time.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/* Of the links of one connection that were lost while idle, in a row. */
struct idle_losses {
	usec_t age;       /* of the last one */
	unsigned similar; /* how many before it had about the same age */
};

enum idle_loss {
	IDLE_LOSS_NONE,    /* nothing that happens regularly */
	IDLE_LOSS_FOUND,   /* it does, and this is where it shows */
	IDLE_LOSS_REGULAR, /* once more */
};

/* A link of that age was lost; `idle`: with no request in flight. */
enum idle_loss idle_loss_add(struct idle_losses *losses, usec_t age, bool idle);
