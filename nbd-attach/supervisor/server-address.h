/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of the addresses of the server's name the links go to. Two addresses may be two
 * servers, whose data may differ, so all links go to the same one, and a link is replaced
 * by one to the same. Only when all links are lost may another address be chosen: the
 * last one is tried first, unless its links never work (see failing.h).
 */
#pragma once

#include "supervisor/supervisor.h"

/* Where the next attempt of that connection may go to. */
struct address_choice server_address_choose(
	const struct supervisor *s, const struct connection *conn);

/*
 * Whether the new link goes where the others do, which may have been made meanwhile.
 * -EAGAIN, FAULT_UNREACHED: it does not.
 */
int server_address_check(const struct supervisor *s, const struct connection *conn,
	const struct link *link, struct error *err);

/* The connection has a new link: reports it if the address is another one. */
void server_address_record(struct supervisor *s, const struct connection *conn);

/*
 * A link was lost. If it was the last one, attempts that may only go to its address,
 * which may be dead, get little more time.
 */
void server_address_lost(struct supervisor *s);

/*
 * The lost connection's links keep failing. After as many as an address gets, those that
 * are up are ended, because they would keep it there; no request has been completed by
 * them either.
 */
void server_address_leave(struct supervisor *s, const struct connection *conn);

/* Links may have been made by a version that let them go anywhere. */
void server_address_adopted(struct supervisor *s);
