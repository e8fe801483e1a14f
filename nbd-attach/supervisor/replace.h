/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions of connection.c's table for a link that the kernel uses and that another is to
 * replace. Each returns the phase that comes next.
 */
#pragma once

#include "supervisor/supervisor.h"

/* Nothing moves: is the server there? What that came to. */
enum phase replace_test(struct supervisor *s, struct connection *conn);
enum phase replace_judge(struct supervisor *s, struct connection *conn);

/* The attempt failed: the old link stays, or is to be ended first. */
enum phase replace_keep(struct supervisor *s, struct connection *conn);

/* A new link is wanted; not now; it is there; the moment for it has come. */
enum phase replace_renew(struct supervisor *s, struct connection *conn);
enum phase replace_later(struct supervisor *s, struct connection *conn);
enum phase replace_settle(struct supervisor *s, struct connection *conn);
enum phase replace_exchange(struct supervisor *s, struct connection *conn);
