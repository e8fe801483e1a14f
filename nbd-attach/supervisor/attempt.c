/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An attempt to make a new link for a connection, and what is told of one that failed.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "attachment/fd-store.h"
#include "attachment/geometry.h"
#include "kernel/root-disk.h"
#include "link/worker-exec.h"
#include "supervisor/attempt.h"

#define SILENCE (10 * USEC_PER_SEC) /* about reasons that take turns */

void slot_set_state(struct state_link *link, enum link_state state)
{
	if (link->state != state)
		link->since = time(NULL);
	link->state = state;
}

/* Credentials that could not be read may be there by now. */
static bool has_credentials(struct supervisor *s)
{
	struct error err = {0};

	if (s->no_credentials.fault == FAULT_NONE)
		return true;
	(void)credentials_read(s->target, &s->credentials, &err);
	s->no_credentials = err;
	return err.fault == FAULT_NONE;
}

bool slot_start_attempt(struct supervisor *s, struct slot *slot)
{
	slot->turned_away = false;
	if (s->a->plaintext.fault != FAULT_NONE) {
		slot->error = s->a->plaintext;
		return false;
	}
	if (!has_credentials(s)) {
		slot->error = s->no_credentials;
		return false;
	}
	/* That may have come to be so since this process began. */
	if (root_disk_is_on(s->a->state.index))
		fresh_no_more();
	if (link_attempt_start(s->target, &s->credentials, s->a->state.relay[0] != 0,
		    &slot->attempt, &slot->error) < 0)
		return false;
	keep_fd_no_more(s->a, slot->number);
	return true;
}

bool slot_is_refused(const struct slot *slot)
{
	enum fault fault = slot->error.fault;

	return fault == FAULT_REFUSED || fault == FAULT_TLS || fault == FAULT_USAGE ||
		(fault == FAULT_PROTOCOL && !slot->cut);
}

void slot_tell(struct supervisor *s, struct slot *slot, bool refused)
{
	struct state_link *link = slot_known(s, slot);
	bool other = !slot_is_up(slot) &&
		link->state != (refused ? LINK_REFUSED : LINK_RECONNECTING);

	if (strcmp(link->error, slot->error.text) == 0)
		return;
	other |= link->error[0] == 0 || deadline_left(slot->silent_until) == 0;
	snprintf(link->error, sizeof(link->error), "%s", slot->error.text);
	if (!slot_is_up(slot))
		slot_set_state(link, refused ? LINK_REFUSED : LINK_RECONNECTING);
	s->changed = true;
	if (!other)
		return;
	slot->silent_until = deadline_after(SILENCE);
	supervisor_tell(s, LINK(slot), refused ? "refused" : "retry", "%s: %s",
		s->a->plaintext.fault != FAULT_NONE ? "no new link"
			: refused                   ? "the server must not be used"
						    : "trying again",
		slot->error.text);
}

void slot_tell_failure(struct supervisor *s, struct slot *slot)
{
	slot_tell(s, slot, slot_is_refused(slot));
}

/* The server has come to agree on TLS that this kernel cannot do. */
static void take_relay(struct supervisor *s, const struct error *err)
{
	if (s->a->state.relay[0] || !link_may_be_relay(s->target, err))
		return;
	snprintf(s->a->state.relay, sizeof(s->a->state.relay), "%s", err->text);
	supervisor_tell(s, -1, "relay",
		"from now on the data goes through a process in user space: %s",
		err->text);
}

bool slot_finish_attempt(struct supervisor *s, struct slot *slot)
{
	struct error err = {0};
	struct link link = {.fd = -1};
	int r = link_attempt_finish(&slot->attempt, &link, &err);

	slot->turned_away = r == -EUSERS;
	slot->cut = r == -ECONNRESET || r == -ECONNABORTED ||
		(slot->turned_away && err.fault == FAULT_PROTOCOL);
	if (r == 0)
		r = shape_check(s->target, &link.facts, &s->a->state,
			&slot->candidate_size, &err);
	if (r < 0) {
		link_disconnect(&link);
		take_relay(s, &err);
		slot->error = err;
	} else {
		slot->candidate = link;
	}
	return r == 0;
}
