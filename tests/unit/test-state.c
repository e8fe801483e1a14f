/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A full state comes back from its file's text as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state-world.h"

static void assert_same_link(const struct state_link *a, const struct state_link *b)
{
	assert_int_equal(a->state, b->state);
	assert_string_equal(a->address, b->address);
	assert_int_equal(a->socket, b->socket);
	assert_int_equal(a->candidate, b->candidate);
	assert_int_equal(a->since, b->since);
	assert_int_equal(a->reconnects, b->reconnects);
	assert_int_equal(a->encrypts, b->encrypts);
	assert_string_equal(a->error, b->error);
}

static void assert_same_event(const struct state_event *a, const struct state_event *b)
{
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->time, b->time);
	assert_int_equal(a->link, b->link);
	assert_string_equal(a->kind, b->kind);
	assert_string_equal(a->text, b->text);
}

static void assert_same_state(const struct state *a, const struct state *b)
{
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->ready, b->ready);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->block_size, b->block_size);
	assert_int_equal(a->maximum, b->maximum);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->tls, b->tls);
	assert_int_equal(a->tls_verified, b->tls_verified);
	assert_string_equal(a->tls_version, b->tls_version);
	assert_string_equal(a->tls_cipher, b->tls_cipher);
	assert_string_equal(a->server, b->server);
	assert_string_equal(a->address, b->address);
	assert_int_equal(a->repeated, b->repeated);
	assert_int_equal(a->break_before_make, b->break_before_make);
	assert_int_equal(a->by_name, b->by_name);
	assert_int_equal(a->since, b->since);
	assert_int_equal(a->n_links, b->n_links);
	for (unsigned i = 0; i < a->n_links; i++)
		assert_same_link(&a->links[i], &b->links[i]);
	assert_int_equal(a->n_events, b->n_events);
	for (uint64_t n = a->n_events; n > 0 && state_event(a, n); n--)
		assert_same_event(state_event(a, n), state_event(b, n));
}

static void assert_same_target(const struct target *a, const struct target *b)
{
	assert_string_equal(a->uri, b->uri);
	assert_string_equal(a->directory, b->directory);
	assert_true(target_is_same_export(a, b));
	assert_string_equal(a->tls_psk_file, b->tls_psk_file);
	assert_string_equal(a->tls_priority, b->tls_priority);
	assert_int_equal(a->connections, b->connections);
	assert_int_equal(a->io_timeout, b->io_timeout);
}

static void test_round_trip(void **state _unused_)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	_cleanup_target_ struct target t;
	_cleanup_free_ char *again = NULL;
	struct state s;

	target_init(&t);
	assert_int_equal(state_take(o, &s, &t), 0);
	assert_same_state(&full, &s);
	assert_same_target(&wanted, &t);
	assert_int_equal(s.n_events, EVENTS);
	assert_non_null(state_event(&s, EVENTS - STATE_EVENTS_MAX + 1));
	assert_null(state_event(&s, EVENTS - STATE_EVENTS_MAX));
	again = state_text(&s, &wanted);
	assert_string_equal(good, again);
}

/* As few as can be: one link, nothing has happened. */
static void test_round_trip_least(void **state _unused_)
{
	struct state least = {.block_size = 512, .n_links = 1}, s;
	_cleanup_free_ char *text = state_text(&least, &wanted);
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(text);

	assert_int_equal(state_take(o, &s, NULL), 0);
	assert_same_state(&least, &s);
	assert_null(state_event(&s, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_round_trip_least),
	};

	return cmocka_run_group_tests(tests, state_world_begin, state_world_end);
}
