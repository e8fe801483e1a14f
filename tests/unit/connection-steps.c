/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/param.h>

#include <cmocka.h>

#include "connection-steps.h"

static const struct {
	struct error found, geometry;
	int result;
} answers[] = {
	[GOOD] = {.found = {FAULT_NONE, ""}},
	[SILENCE] = {.found = {FAULT_UNREACHED, "nobody is there"}},
	[OTHER_SILENCE] = {.found = {FAULT_UNREACHED, "no route"}},
	[REFUSAL] = {.found = {FAULT_REFUSED, "no such export"}},
	[OTHER_EXPORT] = {.geometry = {FAULT_REFUSED, "it has shrunk"}},
	[OWN_FILE] = {.found = {FAULT_USAGE, "no certificate"}},
	[NO_GREETING] = {.found = {FAULT_UNREACHED, "hung up"}, .result = -EUSERS},
	[CUT] = {.found = {FAULT_PROTOCOL, "closed"}, .result = -ECONNRESET},
	[CUT_IN_TLS] = {.found = {FAULT_TLS, "shutdown"}, .result = -ECONNABORTED},
};

void step_event(enum connection_event event)
{
	enum phase before = world.conn->phase;

	connection_event(&world.s, world.conn, event);
	assert_true(transition_is_listed(before, event));
}

void step_pass(usec_t span)
{
	usec_t end = world.now + span;
	unsigned events = 0;

	while (world.conn->timer <= end) {
		assert_true(events++ < 5000);
		world.now = MAX(world.now, world.conn->timer);
		world.conn->timer = USEC_INFINITY;
		step_event(EVENT_TIMER);
	}
	world.now = end;
}

static void take_event(enum connection_event event)
{
	world.s.progress.last = world.io;
	world.conn->half_closed |= event == EVENT_HALF_CLOSED;
	step_event(event);
}

void step_answer(enum answer answer)
{
	world.found = answers[answer].found;
	world.geometry = answers[answer].geometry;
	world.result = answers[answer].result;
	connection_attempt_ready(&world.s, world.conn);
}

static void run_step(const struct step *step)
{
	switch (step->what) {
	case PASS: step_pass(step->n * USEC_PER_MSEC); break;
	case EVENT: take_event(step->n); break;
	case ANSWER: step_answer(step->n); break;
	case FLYING: world.io.in_flight = step->n; break;
	case COMPLETE: world.io.completed += step->n; break;
	case TAKING: world.no_handover = !step->n; break;
	}
}

static void run_once(const struct step *steps, size_t n)
{
	connection_world_begin(1);
	for (size_t i = 0; i < n; i++) {
		const struct step *step = &steps[i];

		world.calls[0] = 0;
		run_step(step);
		if (world.conn->phase != step->then || !connection_is_consistent(false) ||
			strcmp(world.calls, step->calls) != 0 ||
			world.a.state.links[0].state != step->known)
			fail_msg("step %zu, random %u: phase %d, \"%s\", link state %d%s",
				i, world_random, world.conn->phase, world.calls,
				world.a.state.links[0].state,
				connection_is_consistent(false) ? "" : ", inconsistent");
	}
	connection_world_end();
}

void steps_run(const struct step *steps, size_t n)
{
	static const uint32_t shortest_middle_longest[] = {0, 512, 1023};

	for (size_t i = 0; i < ELEMENTSOF(shortest_middle_longest); i++) {
		world_random = shortest_middle_longest[i];
		run_once(steps, n);
	}
}
