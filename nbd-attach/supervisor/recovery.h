/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions of connection.c's table for a link that ends or has ended. Each returns the
 * phase that comes next.
 */
#pragma once

#include "supervisor/supervisor.h"

/* The server has closed its side: the link has a moment to end by itself; it is cut. */
enum phase recovery_await_close(struct supervisor *s, struct connection *conn);
enum phase recovery_shut_down(struct supervisor *s, struct connection *conn);

/* It is lost: a new one is made; … where an attempt is under way already; … or waits. */
enum phase recovery_reconnect(struct supervisor *s, struct connection *conn);
enum phase recovery_await_attempt(struct supervisor *s, struct connection *conn);
enum phase recovery_await_driver(struct supervisor *s, struct connection *conn);

/* The driver has marked a link dead: it will take another. */
enum phase recovery_note_dead(struct supervisor *s, struct connection *conn);

/* The next attempt; one that has failed; a new link for the driver. */
enum phase recovery_connect(struct supervisor *s, struct connection *conn);
enum phase recovery_back_off(struct supervisor *s, struct connection *conn);
enum phase recovery_install(struct supervisor *s, struct connection *conn);
