/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Passes new links to the driver while the device is in use (nbd_genl_reconfigure()).
 *
 * The driver accepts a link only to replace one that it knows to be dead, but returns 0
 * even if it accepted none (nbd_reconnect_socket()). So unless it has announced a dead
 * link, we check: with a timeout in force it sets a send timeout on each socket that it
 * accepts, which shows on our descriptor. The same where links are lost soon after each
 * other: the announcement may be about the previous one.
 */
#pragma once

#include "supervisor/supervisor.h"

/*
 * Passes the connection's candidate to the driver; we keep our descriptor. -EBUSY: not
 * accepted yet. Other errors as driver_reconfigure().
 */
int handover_link(struct supervisor *s, struct connection *conn, struct error *err);

/*
 * Whether the link can be shut down while it works: 0, or for an adopted link of which we
 * have no descriptor, as tcp_diag_can_end().
 */
int handover_can_shut_down(const struct supervisor *s, const struct connection *conn);

/* Shuts down a link that the kernel uses; EVENT_LOST follows as for any other. */
void handover_shut_down(struct supervisor *s, const struct connection *conn);

/*
 * For a link that is ended, or that the driver has ended, with requests in flight. They
 * are resent over the next link, and the old copies must not reach the server later, when
 * the same blocks may have been written again.
 */
void handover_discard_unsent(int fd);
