/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions of connection.c's table for a link that the kernel uses and that another is to
 * replace. Each returns the phase that comes next.
 */
#pragma once

#include "supervisor/supervisor.h"

/* Nothing moves: is the server there? What that came to. */
enum phase replace_probe(struct supervisor *s, struct connection *conn);
enum phase replace_if_stalled(struct supervisor *s, struct connection *conn);

/* The attempt failed: the old link stays, or is to be ended first. */
enum phase replace_failed(struct supervisor *s, struct connection *conn);

/* A new link is wanted; not now; it is there; the moment for it has come. */
enum phase replace_begin(struct supervisor *s, struct connection *conn);
enum phase replace_postpone(struct supervisor *s, struct connection *conn);
enum phase replace_drain(struct supervisor *s, struct connection *conn);
enum phase replace_when_idle(struct supervisor *s, struct connection *conn);
