/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver's timeouts for a supervised device.
 *
 * Only the block layer's timer resends a request that was in flight when its link died
 * (nbd_xmit_timeout()). With NBD_ATTR_TIMEOUT 0, which never ends a link for being slow,
 * the timer leaves such a request alone until there is a new link. So, with a single
 * link, queue/io_timeout is short, so that the timer fires often; and while the server is
 * away NBD_ATTR_TIMEOUT is 1, which makes the timer move those requests to the queue
 * where others already wait for the new link.
 *
 * Setting it back to 0 sets queue/io_timeout to 30 s, and a request that is sent before
 * queue/io_timeout is short again keeps the long timer for good, on any number of links.
 * So the new link is passed while NBD_ATTR_TIMEOUT is still 1: all waiting requests are
 * sent with a short timer. Both are changed a little later, well before the timeout could
 * end that link (deferred.c). A new device is connected without NBD_ATTR_TIMEOUT, with
 * queue/io_timeout set before (clean_device_connect()).
 *
 * With several links the timer ends the link of each request that takes longer, whatever
 * NBD_ATTR_TIMEOUT is, and resends the request: the server does it twice, and the first
 * copy may arrive after newer requests. So the timeout grows if the server turns out to
 * be slow, not gone. A request that was already sent keeps its timer: it is resent until
 * the server is fast enough for it.
 */
#pragma once

#include "supervisor/supervisor.h"

/*
 * nbd_netlink_reconfigure() for the device attached under `name`. FAULT_KERNEL, -EINVAL:
 * it is no longer ours.
 */
int driver_reconfigure(const char *name, unsigned index,
	const struct nbd_settings *settings, struct error *err);

/* Whether the driver accepts changes: the device is ours, and not disconnected. */
bool driver_accepts_us(const struct supervisor *s);

/* A single link is lost: NBD_ATTR_TIMEOUT becomes 1. */
void driver_timeout_shorten(struct supervisor *s);

/* Sets it back to 0, unless a link is being ended by means of it. */
void driver_timeout_restore(struct supervisor *s);

/*
 * Several links: the driver has ended one for being slow, but the server answers. From
 * now on a request may take twice as long, up to 16 times --io-timeout.
 */
void driver_timeout_extend(struct supervisor *s);

/*
 * Since when I/O has waited for a link that works, with those in between that did not;
 * USEC_INFINITY: there is such a link.
 */
usec_t driver_waiting_since(const struct supervisor *s);

/*
 * For NBD_ATTR_DEAD_CONN_TIMEOUT, which the driver counts from each loss anew: what is
 * left of the reconnect timeout if the last link did not work. Otherwise NBD_UNSET.
 */
uint64_t driver_reconnect_timeout(struct supervisor *s);

/* Sets the whole reconnect timeout again, if the driver has less. */
void driver_reconnect_timeout_restore(struct supervisor *s);

/* Sets the timeouts of an adopted device. Errors as driver_reconfigure(). */
int driver_timeouts_set(struct supervisor *s, struct error *err);
