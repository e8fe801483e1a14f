/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An attempt to make a new link. */
#pragma once

#include "supervisor/supervisor.h"

/* False: no link worker can be started; conn->error says why. */
bool attempt_start(struct supervisor *s, struct connection *conn);

/* True: it is connected, and goes on with a link worker, which was started for that. */
bool attempt_proceeds(struct supervisor *s, struct connection *conn);

/*
 * Takes the result of the attempt, or ends it if it is late. True: conn->candidate is the
 * new link, which fits the device; false: the attempt failed, conn->error says why.
 */
bool attempt_finish(struct supervisor *s, struct connection *conn);

/*
 * Whether the last attempt failed because a server refused. A connection that is just
 * closed proves nothing: the server may be stopping or starting. Only EXPORT_NAME and TLS
 * can be refused so, and then the next attempt ends in the same way.
 */
bool attempt_was_refused(const struct connection *conn);

/*
 * Reports why an attempt failed: once, and again when the reason changes; but not each
 * time when reasons alternate.
 */
void attempt_tell(struct supervisor *s, struct connection *conn, bool refused);
void attempt_tell_failure(struct supervisor *s, struct connection *conn);
