/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "attachment/state.h"
#include "common/text.h"

struct limits state_limits(const struct state *state)
{
	return (struct limits){.size = state->size,
		.block_size = state->block_size,
		.request = state->maximum,
		.flags = state->flags};
}

void state_set_tls(struct state *state, const struct server_facts *facts)
{
	state->tls = facts->tls;
	state->tls_verified = facts->tls_verified;
	snprintf(
		state->tls_version, sizeof(state->tls_version), "%s", facts->tls_version);
	snprintf(state->tls_cipher, sizeof(state->tls_cipher), "%s", facts->tls_cipher);
}

void state_add_event(
	struct state *state, int link, const char *kind, const char *format, ...)
{
	struct state_event *event = &state->events[++state->n_events % STATE_EVENTS_MAX];
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_REALTIME, &now);
	*event = (struct state_event){.number = state->n_events,
		.time = (int64_t)now.tv_sec * (int64_t)USEC_PER_SEC + now.tv_nsec / 1000,
		.link = link};
	snprintf(event->kind, sizeof(event->kind), "%s", kind);
	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
	va_end(args);
	text_flatten(event->text); /* truncation may have split a character */
}

const struct state_event *state_event(const struct state *state, uint64_t number)
{
	const struct state_event *event = &state->events[number % STATE_EVENTS_MAX];

	return number > 0 && event->number == number ? event : NULL;
}
