/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver's timeouts for a device that is supervised.
 *
 * Nothing but the timer of the block layer sends a request again that was on its way
 * when its link died (nbd_xmit_timeout()), and with NBD_ATTR_TIMEOUT 0, which never ends
 * a link for being slow, the timer leaves such a request alone as long as there is no new
 * link. So, for a single link: queue/io_timeout is short, that the timer comes often; and
 * while the server is away NBD_ATTR_TIMEOUT is 1, which makes the timer move those
 * requests to where others wait for the new link already.
 *
 * Back to 0 it sets queue/io_timeout to 30 s, and what is sent before that is put right
 * again keeps such a timer for all of its life, however many links it sees. So the new
 * link is given while it is still 1: all that has waited is sent with a short timer. Only
 * a little later, well before it could end that link, both are changed (deferred.c).
 *
 * With several links the timer ends the link of each request that takes longer, whatever
 * NBD_ATTR_TIMEOUT is, and has it sent again: the server does it once more, and the old
 * one may come after newer ones. So the timeout grows where the server turns out to be
 * slow, not gone. A request that has begun keeps its timer: that one is sent again and
 * again until the server is fast enough for it.
 */
#pragma once

#include "supervisor/supervisor.h"

/*
 * nbd_netlink_reconfigure() for a device that bears the name. FAULT_KERNEL, -EINVAL: it
 * is not ours any more.
 */
int driver_reconfigure(const char *name, unsigned index,
	const struct nbd_settings *settings, struct error *err);

/* Whether the driver takes changes of the device from us: it is ours, and not over. */
bool driver_accepts_us(const struct supervisor *s);

/* A single link is lost: NBD_ATTR_TIMEOUT becomes 1. */
void driver_timeout_shorten(struct supervisor *s);

/* … and 0 again, but not while a link is being ended by it. */
void driver_timeout_restore(struct supervisor *s);

/*
 * Several links: the driver has ended one for being slow, and the server answers all the
 * same. It gets twice as long for a request from now on, up to 16 times --io-timeout.
 */
void driver_timeout_extend(struct supervisor *s);

/* Sets the timeouts of a device that was adopted. Errors as driver_reconfigure(). */
int driver_timeouts_set(struct supervisor *s, struct error *err);
