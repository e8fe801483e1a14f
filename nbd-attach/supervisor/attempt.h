/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An attempt to make a new link. */
#pragma once

#include "supervisor/supervisor.h"

/* False: no link worker can be started, conn->error says why. */
bool attempt_start(struct supervisor *s, struct connection *conn);

/*
 * Takes what the attempt has come to, or ends it if it is late. True: conn->candidate is
 * the new link, which fits the device; false: there is none, conn->error says why.
 */
bool attempt_finish(struct supervisor *s, struct connection *conn);

/*
 * Whether the failure of the last attempt is a server's refusal. A connection that just
 * ends says nothing: the server may be about to stop or to start, or what is before it
 * may not reach it. (In TLS it may be how the server says no.)
 */
bool attempt_was_refused(const struct connection *conn);

/*
 * Why an attempt failed: told once, and again when the reason is another; but reasons may
 * take turns.
 */
void attempt_tell(struct supervisor *s, struct connection *conn, bool refused);
void attempt_tell_failure(struct supervisor *s, struct connection *conn);

void connection_set_state(struct state_link *link, enum link_state state);
