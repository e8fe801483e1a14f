/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions of connection.c's table for a link that ends or is lost. Each returns the next
 * phase.
 */
#pragma once

#include "supervisor/supervisor.h"

/* The server has closed its side: gives the driver time to see it; shuts the link down.
 */
enum phase recovery_await_close(struct supervisor *s, struct connection *conn);
enum phase recovery_shut_down(struct supervisor *s, struct connection *conn);

/*
 * The link is lost: starts an attempt, or backs off if links are lost soon; uses the
 * attempt already under way; holds the candidate until the driver will accept it.
 */
enum phase recovery_reconnect(struct supervisor *s, struct connection *conn);
enum phase recovery_await_attempt(struct supervisor *s, struct connection *conn);
enum phase recovery_await_driver(struct supervisor *s, struct connection *conn);

/* The driver has marked a link dead: it will accept another soon. */
enum phase recovery_note_dead(struct supervisor *s, struct connection *conn);

/* Starts an attempt; waits after one that failed; passes the candidate to the driver. */
enum phase recovery_connect(struct supervisor *s, struct connection *conn);
enum phase recovery_back_off(struct supervisor *s, struct connection *conn);
enum phase recovery_install(struct supervisor *s, struct connection *conn);
