/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attempts to make a new link for a connection, and the report of those that failed. */
#include <errno.h>
#include <string.h>

#include "attachment/fd-store.h"
#include "attachment/geometry.h"
#include "common/timeouts.h"
#include "kernel/root-disk.h"
#include "link/worker-exec.h"
#include "supervisor/attempt.h"
#include "supervisor/rotation.h"
#include "supervisor/server-address.h"

/*
 * The system may have switched to that disk since this process started, but hardly while
 * its server is away: it is not looked up for each of many attempts.
 */
static void check_root(struct supervisor *s)
{
	usec_t now = deadline_now();

	if (s->root_checked_at > 0 && now - s->root_checked_at < ROOT_DISK_CHECK)
		return;
	s->root_checked_at = now;
	if (root_disk_is_on(s->a->state.index))
		worker_exec_disable();
}

bool attempt_start(struct supervisor *s, struct connection *conn)
{
	const struct address_choice choice = server_address_choose(s, conn);
	unsigned how = s->a->state.by_name ? LINK_BY_NAME : 0;

	conn->no_greeting = false;
	if (s->a->plaintext.fault != FAULT_NONE) {
		conn->error = s->a->plaintext;
		return false;
	}
	if (!rotation_before_attempt(s)) {
		conn->error = s->credentials_error;
		return false;
	}
	check_root(s);
	if (s->a->state.relay[0])
		how |= LINK_RELAY;
	if (link_attempt_start(s->target, &s->credentials, &choice, how, &conn->attempt,
		    &conn->error) < 0)
		return false;
	fd_store_remove(s->a, conn->number);
	return true;
}

bool attempt_was_refused(const struct connection *conn)
{
	enum fault fault = conn->error.fault;

	if (conn->attempt_reset && (fault == FAULT_PROTOCOL || conn->tries == 0))
		return false;
	return fault == FAULT_REFUSED || fault == FAULT_TLS || fault == FAULT_PROTOCOL;
}

void attempt_tell(struct supervisor *s, struct connection *conn, bool refused)
{
	struct state_link *link = connection_link(s, conn);
	bool other = !connection_is_up(conn) &&
		link->state != (refused ? LINK_REFUSED : LINK_RECONNECTING);

	if (strcmp(link->error, conn->error.text) == 0 && !other)
		return;
	other |= link->error[0] == 0 || deadline_left(conn->silent_until) == 0;
	snprintf(link->error, sizeof(link->error), "%s", conn->error.text);
	if (!connection_is_up(conn))
		connection_set_state(link, refused ? LINK_REFUSED : LINK_RECONNECTING);
	s->changed = true;
	if (!other)
		return;
	conn->silent_until = deadline_after(FAILURE_LOG_INTERVAL);
	supervisor_tell(s, LINK(conn), refused ? "refused" : "retry", "%s: %s",
		s->a->plaintext.fault != FAULT_NONE ? "no new link"
			: refused                   ? "the server must not be used"
						    : "trying again",
		conn->error.text);
}

void attempt_tell_failure(struct supervisor *s, struct connection *conn)
{
	attempt_tell(s, conn, attempt_was_refused(conn));
}

/* The server now negotiates TLS that this kernel cannot do. */
static void take_relay(struct supervisor *s, const struct error *err)
{
	if (s->a->state.relay[0] || !link_may_be_relay(s->target, err))
		return;
	snprintf(s->a->state.relay, sizeof(s->a->state.relay), "%s", err->text);
	supervisor_tell(s, -1, "relay",
		"from now on the data goes through a process in user space: %s",
		err->text);
}

bool attempt_proceeds(struct supervisor *s, struct connection *conn)
{
	return link_attempt_proceed(&conn->attempt, &s->credentials);
}

bool attempt_finish(struct supervisor *s, struct connection *conn)
{
	struct error err = {0};
	struct link link = {.fd = -1};
	int r = link_attempt_finish(&conn->attempt, &link, &err);

	conn->no_greeting = r == -EUSERS;
	conn->attempt_reset = r == -ECONNRESET || r == -ECONNABORTED;
	rotation_after_attempt(s, &err);
	if (r == 0)
		r = server_address_check(s, conn, &link, &err);
	if (r == 0)
		r = geometry_check(s->target, &link.facts, &s->a->state,
			&conn->candidate_size, &err);
	if (r < 0) {
		link_disconnect(&link);
		take_relay(s, &err);
		conn->error = err;
		conn->turn += link.address[0] != 0;
	} else {
		conn->candidate = link;
	}
	if (connection_is_up(conn)) /* the next attempt may be long in coming */
		link_attempt_cancel(&conn->attempt);
	return r == 0;
}
