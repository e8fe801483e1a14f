/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "common/timeouts.h"
#include "supervisor/failing.h"
#include "supervisor/handover.h"
#include "supervisor/server-address.h"

/* A link that we end ourselves is as good as up: the server is there. */
static bool is_in_use(const struct connection *conn)
{
	return connection_is_up(conn) || conn->being_replaced;
}

/* Where data comes from at the moment, or will; NULL: all links are lost. */
static const char *address_in_use(
	const struct supervisor *s, const struct connection *conn)
{
	if (is_in_use(conn))
		return connection_link(s, conn)->address;
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		const struct connection *other = &s->conns[i];

		if (is_in_use(other))
			return connection_link(s, other)->address;
		if (other->candidate.fd >= 0)
			return other->candidate.address;
	}
	return NULL;
}

/*
 * Each address gets so many links, because a move is reported and may be to other data; a
 * relay on trial gets them first.
 */
static bool is_of_no_use(const struct supervisor *s, const struct connection *conn)
{
	return conn->fruitless > 0 && conn->fruitless % failing_min(s) == 0 &&
		s->relay_trial != RELAY_ON_TRIAL;
}

void server_address_leave(struct supervisor *s, const struct connection *conn)
{
	if (s->target->transport != TRANSPORT_TCP || !is_of_no_use(s, conn))
		return;
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (i != conn->number && connection_is_up(&s->conns[i]))
			handover_shut_down(s, &s->conns[i]);
}

/* … for any of the links: each may be the first that is made again. */
static bool last_is_of_no_use(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (is_of_no_use(s, &s->conns[i]))
			return true;
	return false;
}

struct address_choice server_address_choose(
	const struct supervisor *s, const struct connection *conn)
{
	const char *address = address_in_use(s, conn);
	struct address_choice choice = {
		.only = address, .turn = conn->turn + last_is_of_no_use(s)};

	snprintf(choice.last, sizeof(choice.last), "%s",
		address ? address : s->a->state.address);
	return choice;
}

int server_address_check(const struct supervisor *s, const struct connection *conn,
	const struct link *link, struct error *err)
{
	const char *address = address_in_use(s, conn);

	if (!address || strcmp(address, link->address) == 0)
		return 0;
	return error_set(err, FAULT_UNREACHED, -EAGAIN,
		"connected to %s, but another link goes to %s", link->address, address);
}

void server_address_record(struct supervisor *s, const struct connection *conn)
{
	const char *now = connection_link(s, conn)->address;
	struct state *state = &s->a->state;

	if (strcmp(state->address, now) == 0)
		return;
	supervisor_warn(s, "moved",
		"connected to %s instead of %s: if it is another server, its data must "
		"be the same",
		now, state->address);
	snprintf(state->address, sizeof(state->address), "%s", now);
}

void server_address_lost(struct supervisor *s)
{
	usec_t soon = deadline_after(CONNECT_ADDRESS_TIMEOUT);

	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (connection_is_up(&s->conns[i]))
			return;
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->conns[i].attempt.choice.only)
			s->conns[i].attempt.deadline =
				MIN(s->conns[i].attempt.deadline, soon);
}

void server_address_adopted(struct supervisor *s)
{
	const struct state *state = &s->a->state;
	const char *first = NULL;

	for (unsigned i = 0; i < state->n_links; i++) {
		const char *this = state->links[i].address;

		if (state->links[i].state != LINK_UP)
			continue;
		if (first && strcmp(first, this) != 0) {
			supervisor_warn(s, "mixed",
				"links go to both %s and %s: if these are two servers "
				"whose data differs, detach it and attach it again",
				first, this);
			return;
		}
		first = this;
	}
}
