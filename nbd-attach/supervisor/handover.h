/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links for the kernel's device while it is supervised (nbd_genl_reconfigure()).
 *
 * The driver takes a link only in the place of one that it knows to be dead, and answers
 * 0 also when it took none (nbd_reconnect_socket()). Where it has not said that one is
 * dead, its word is not enough: with a timeout in force it sets a send timeout on each
 * socket that it takes, which shows on our descriptor of it. Nor is it where links die
 * young: what it has said may be about the one before.
 */
#pragma once

#include "supervisor/supervisor.h"

/*
 * Gives the driver the connection's candidate, whose descriptor is kept beside it.
 * -EBUSY: not yet. Otherwise as driver_reconfigure().
 */
int handover_link(struct supervisor *s, struct connection *conn, struct error *err);

/* Ends a link that the kernel uses; its end is then seen as that of any other. */
void handover_shut_down(struct supervisor *s, const struct connection *conn);
