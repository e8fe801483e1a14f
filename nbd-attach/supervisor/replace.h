/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions of connection.c's table that replace a link while the kernel uses it. Each
 * returns the next phase.
 */
#pragma once

#include "supervisor/supervisor.h"

/* No replies: starts an attempt to test the server; it succeeded: still no replies? */
enum phase replace_probe(struct supervisor *s, struct connection *conn);
enum phase replace_if_stalled(struct supervisor *s, struct connection *conn);

/* The attempt failed: keeps the old link, or shuts it down before the next attempt. */
enum phase replace_failed(struct supervisor *s, struct connection *conn);

/*
 * A new link is wanted: starts an attempt; tries again later. The candidate is there:
 * waits until nothing is in flight; shuts the old link down then, or after DRAIN_TIMEOUT.
 */
enum phase replace_begin(struct supervisor *s, struct connection *conn);
enum phase replace_postpone(struct supervisor *s, struct connection *conn);
enum phase replace_drain(struct supervisor *s, struct connection *conn);
enum phase replace_when_idle(struct supervisor *s, struct connection *conn);
