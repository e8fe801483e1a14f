/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event of the kernel's nbd driver for a dead link (NBD_CMD_LINK_DEAD,
 * nbd_mcast_index() in drivers/block/nbd.c). It names the device, not the link; it is
 * sent in the initial network namespace only; and it is lost when the socket's buffer is
 * full.
 */
#pragma once

#include <stdbool.h>

#include "common/error.h"

struct nbd_events;

/* FAULT_KERNEL; -ENOENT: there is no nbd driver, or it is too old. */
int nbd_events_open(struct nbd_events **ret, struct error *err);
void nbd_events_close(struct nbd_events *events);
DEFINE_CLEANUP(struct nbd_events *, nbd_events_close)

/* To poll for POLLIN. */
int nbd_events_fd(const struct nbd_events *events);

/*
 * Reads the queued events, without waiting. Whether a link of device `index` has died
 * since the last call, or may have, because events were lost.
 */
bool nbd_events_link_died(struct nbd_events *events, unsigned index);
