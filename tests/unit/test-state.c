/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A full state comes back from its file's text as it was; and files of former releases,
 * in states/, are understood.
 */
#include <json.h>
#include <limits.h>
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

/* The same bytes on every architecture: a disk of the system may get another one's file.
 */
static void test_bytes(void **state _unused_)
{
	static const char bytes[] =
		"{\"version\":3,\"uri\":\"nbd://h/x\",\"directory\":\"/srv\",\"settings\":[],"
		"\"device\":513,\"ready\":true,\"size\":72623859790382856,"
		"\"block-size\":4096,\"maximum\":33554432,\"flags\":365,\"server\":\"h:10809\","
		"\"address\":\"192.0.2.7:10809\",\"tls\":false,\"tls-verified\":false,"
		"\"tls-version\":\"\",\"tls-cipher\":\"\",\"relay\":\"\",\"since\":4294967297,"
		"\"repeated\":0,\"break-before-make\":false,\"by-name\":true,"
		"\"links\":[{\"state\":\"refused\",\"address\":\"\",\"socket\":4294967298,"
		"\"candidate\":0,\"since\":-1,\"reconnects\":4294967296,\"error\":\"\","
		"\"encrypts\":false}],"
		"\"n-events\":1,\"events\":[{\"time\":1700000000000001,\"link\":-1,"
		"\"kind\":\"lost\",\"text\":\"x\"}]}";
	struct state s = {.index = 0x201,
		.ready = true,
		.size = UINT64_C(0x0102030405060708),
		.block_size = 4096,
		.maximum = 1 << 25,
		.flags = 0x16d,
		.server = "h:10809",
		.address = "192.0.2.7:10809",
		.since = INT64_C(0x100000001),
		.by_name = true,
		.n_links = 1,
		.links = {{.state = LINK_REFUSED,
			.socket = UINT64_C(0x100000002),
			.since = -1,
			.reconnects = UINT64_C(1) << 32}}};
	_cleanup_(json_object_putp) json_object *o = NULL;
	_cleanup_target_ struct target t;

	target_init(&t);
	assert_int_equal(target_replay(&t, "nbd://h/x", "/srv", NULL, 0, NULL), 0);
	state_add_event(&s, -1, "lost", "x");
	s.events[1].time = INT64_C(1700000000000001);
	o = state_to_json(&s, &t);
	assert_string_equal(
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		bytes);
}

/* A file of that name in states/, with all that it says of the target. */
static void read_recorded(const char *name, struct state *s, struct target *t)
{
	_cleanup_(json_object_putp) json_object *o = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", RECORDED, name);
	o = json_object_from_file(path);
	assert_non_null(o);
	target_init(t);
	assert_int_equal(state_take(o, s, t), 0);
}

/* What this release makes of it says the same. */
static void assert_kept(const struct state *s, const struct target *t)
{
	_cleanup_free_ char *text = state_text(s, t);
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(text);
	_cleanup_target_ struct target again;
	struct state other;

	target_init(&again);
	assert_int_equal(state_take(o, &other, &again), 0);
	assert_same_state(s, &other);
	assert_string_equal(t->uri, again.uri);
	assert_string_equal(t->name, again.name);
}

/* By running supervisors, after an outage: see vm/state-files. */
static const struct recorded {
	const char *name, *uri;
	unsigned n_links;
	bool tls, by_name;
	const char *relay;
} recorded[] = {
	{"0.1.0-plain", "nbd://disk.example:10809/plain-4", 1, false, false, ""},
	{"0.1.0-plain-name", "nbd://disk.example:10809/plain-name-4", 1, false, true, ""},
	{"0.1.0-tls-links",
		"nbds://disk.example:10809/tls-links-4?tls-certificates=/etc/nbd-attach/tls",
		2, true, false, ""},
	{"0.1.0-tls-relay",
		"nbds://disk.example:10809/tls-relay-4?tls-certificates=/etc/nbd-attach/tls",
		1, true, false, "--data-path relay was asked for"},
};

static void assert_recorded_links(const struct recorded *r, const struct state *s)
{
	assert_int_equal(s->n_links, r->n_links);
	for (unsigned i = 0; i < s->n_links; i++) {
		assert_int_equal(s->links[i].state, LINK_UP);
		assert_int_equal(s->links[i].reconnects, 1);
		assert_true(s->links[i].socket > 0);
		assert_string_equal(s->links[i].address, "192.0.2.7:10809");
	}
	assert_string_equal(s->address, "192.0.2.7:10809");
}

static void assert_recorded(const struct recorded *r)
{
	_cleanup_target_ struct target t;
	struct state s;

	read_recorded(r->name, &s, &t);
	assert_true(s.ready);
	assert_int_equal(s.size, 8 << 20);
	assert_int_equal(s.tls, r->tls);
	assert_int_equal(s.tls_verified, r->tls);
	assert_string_equal(s.tls_version, r->tls ? "TLS1.3" : "");
	assert_string_equal(s.relay, r->relay);
	assert_int_equal(s.by_name, r->by_name);
	assert_recorded_links(r, &s);
	assert_string_equal(state_event(&s, 1)->kind, "attached");
	assert_int_equal(state_event(&s, s.n_events)->number, s.n_events);
	assert_string_equal(t.uri, r->uri);
	assert_string_equal(t.name, t.export_name);
	assert_int_equal(t.connections, r->n_links);
	assert_int_equal(t.reconnect_timeout, USEC_INFINITY);
	assert_kept(&s, &t);
}

static void test_recorded(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(recorded); i++)
		assert_recorded(&recorded[i]);
}

/*
 * The first file of version 3, without what later ones add: "repeated", "encrypts",
 * "break-before-make", "address", "by-name".
 */
static void test_oldest(void **state _unused_)
{
	_cleanup_target_ struct target t;
	struct state s;

	read_recorded("oldest-of-version-3", &s, &t);
	assert_int_equal(s.index, 3);
	assert_true(s.ready);
	assert_int_equal(s.n_links, 2);
	assert_int_equal(s.links[0].state, LINK_UP);
	assert_int_equal(s.links[1].state, LINK_RECONNECTING);
	assert_int_equal(s.links[1].candidate, 40118);
	assert_false(s.links[0].encrypts);
	assert_false(s.by_name || s.break_before_make);
	assert_int_equal(s.repeated, 0);
	assert_string_equal(s.address, "192.0.2.7:10809"); /* its first link's */
	assert_string_equal(t.tls_psk_file, "/root/keys.psk");
	assert_string_equal(t.tls_username, "backup");
	assert_int_equal(t.device, 3);
	assert_int_equal(t.block_size, 4096);
	assert_kept(&s, &t);
}

static json_object *first_of(json_object *o, const char *key)
{
	json_object *array = NULL;

	assert_true(json_object_object_get_ex(o, key, &array));
	return json_object_array_get_idx(array, 0);
}

/* What a later release may add, this one passes over. */
static void test_newer(void **state _unused_)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	struct state s;

	json_object_object_add(o, "added-later", json_object_new_object());
	json_object_object_add(
		first_of(o, "links"), "added-later", json_object_new_int(1));
	json_object_object_add(
		first_of(o, "events"), "added-later", json_object_new_array());
	json_object_object_add(
		first_of(o, "events"), "kind", json_object_new_string("unheard-of"));
	assert_int_equal(state_take(o, &s, NULL), 0);
	assert_string_equal(
		state_event(&s, EVENTS - STATE_EVENTS_MAX + 1)->kind, "unheard-of");
	strcpy(s.events[(EVENTS - STATE_EVENTS_MAX + 1) % STATE_EVENTS_MAX].kind,
		state_event(&full, EVENTS - STATE_EVENTS_MAX + 1)->kind);
	assert_same_state(&full, &s);
}

/*
 * An option that this release does not know may be what the user depends on: no
 * supervisor of this release takes over. The device is still listed and can be detached.
 */
static void test_newer_option(void **state _unused_)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	_cleanup_target_ struct target t;
	json_object *settings = NULL;
	struct state s;

	target_init(&t);
	assert_true(json_object_object_get_ex(o, "settings", &settings));
	json_object_array_add(settings, json_object_new_string("added-later=1"));
	assert_int_equal(state_take(o, &s, NULL), 0);
	assert_same_state(&full, &s);
	assert_true(state_take(o, &s, &t) < 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_round_trip_least),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_oldest),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_newer_option),
	};

	return cmocka_run_group_tests(tests, state_world_begin, state_world_end);
}
