/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that come up and never work: the server, or something on the way to it, ends each
 * of them before a request was completed, or soon while requests are in flight. After
 * LINKS_FAILING_MIN such links in a row that is reported, with the reason if there is
 * one. Then the time between attempts grows, --reconnect-timeout goes on from the first
 * of them, and with kernel TLS a relay is tried where the target allows it: it may be the
 * kernel's records that the server cannot take.
 *
 * The same for a request that ends each link while others are completed; but then I/O
 * goes on, and neither of the times changes. A link that is just idle when it is cut is
 * not such a link.
 */
#pragma once

#include "supervisor/supervisor.h"

#define ALERT_TEXT_SIZE 128

/* connection.completed_before of a link that is taken for one that has worked. */
#define FAILING_NOT_KNOWN UINT64_MAX

/* For messages about the loss of the link: ": the server sent the TLS alert …", or "". */
void failing_alert(int alert, char out[ALERT_TEXT_SIZE]);

/* Before the driver gets a new link, or knows of one that it uses: nothing is completed.
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
