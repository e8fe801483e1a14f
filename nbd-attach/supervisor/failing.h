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
 */
#pragma once

#include "supervisor/supervisor.h"

/* connection.completed_before of a link that counts as one that worked. */
#define FAILING_NOT_KNOWN UINT64_MAX

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
