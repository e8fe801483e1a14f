/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that come up and never work: the server, or something on the way to it, ends each
 * of them before a request was completed, or soon while requests are in flight. After
 * LINKS_FAILING_MIN such links in a row this is reported, with the reason if it is known.
 * From then on the time between attempts grows, --reconnect-timeout counts from the first
 * of these links, and with kernel TLS a relay is tried if the target allows it: the
 * server may not accept the kernel's records.
 *
 * If one request ends each link while others are completed, this is reported as well, but
 * I/O continues and both times stay as they are. A link that is idle when it ends does
 * not count.
 *
 * While a device is made ready nobody uses it yet. Then it is given up when as many links
 * again have not worked: by relay, or to another address.
 */
#pragma once

#include "supervisor/supervisor.h"

/* connection.completed_before of a link that counts as one that worked. */
#define FAILING_NOT_KNOWN UINT64_MAX

/* How many links in a row that end before a request was completed are not by chance. */
unsigned failing_min(const struct supervisor *s);

/* Notes the requests completed so far: before the driver gets a new link, or at a link
 * that it already uses.
 */
void failing_begin(const struct supervisor *s, struct connection *conn);

/* The link is lost: counts it. `io` is NULL if the counters cannot be read. */
void failing_count(struct supervisor *s, struct connection *conn,
	const struct sysfs_io *io, usec_t now);

/*
 * After failing_count(): reports a link that keeps failing, and tries a relay. True: more
 * time than usual should pass before the next attempt.
 */
bool failing_report(struct supervisor *s, struct connection *conn);

/* Checks the links that are up, and schedules the next check. */
void failing_check(struct supervisor *s, const struct sysfs_io *io, usec_t now);

/* What is known of links that end, for a message; "": nothing. */
void failing_reason(const struct supervisor *s, char out[ERROR_TEXT_SIZE]);

/*
 * While the device is made ready: -ECONNABORTED if no link will work. FAULT_TLS if the
 * server has sent an alert as the reason, else FAULT_UNREACHED.
 */
int failing_give_up(const struct supervisor *s, struct error *err);
