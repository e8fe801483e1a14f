/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state-world.h"

struct state full;
struct target wanted;
char *good;

static void fill_links(struct state *s)
{
	for (unsigned i = 0; i < NBD_LINKS_MAX; i++) {
		struct state_link *link = &s->links[i];

		link->state = (enum link_state)(i % 3);
		snprintf(link->address, sizeof(link->address), "[fd00::%x]:10809", i);
		link->socket = 0x100000000 + i;
		link->candidate = i % 2 ? 77 + i : 0;
		link->since = 1700000000 + i;
		link->reconnects = 3 * i;
		link->encrypts = i % 2;
		if (i % 2)
			snprintf(link->error, sizeof(link->error), "said \"%u\"\\/", i);
	}
	s->n_links = NBD_LINKS_MAX;
	/* as long as they can be */
	memset(s->links[9].address, 'a', sizeof(s->links[9].address) - 1);
	memset(s->links[9].error, 'e', sizeof(s->links[9].error) - 1);
}

static void fill(struct state *s)
{
	*s = (struct state){.index = 11,
		.ready = true,
		.size = UINT64_C(1) << 50,
		.block_size = 4096,
		.maximum = 1 << 22,
		.flags = 0x16d,
		.tls = true,
		.tls_version = "TLS1.3",
		.tls_cipher = "AES-256-GCM",
		.server = "caf\xc3\xa9.example:10809",
		.address = "192.0.2.7:10809",
		.since = 1699999999,
		.repeated = 12345,
		.break_before_make = true,
		.by_name = true};
	fill_links(s);
	for (int i = 0; i < EVENTS; i++)
		state_add_event(s, i % 17 - 1, i % 2 ? "lost" : "fifteen-letters",
			"event %d: \"x\" /y\\", i);
}

static void fill_target(struct target *t)
{
	static const char *const settings[] = {"name=disk", "connections=16",
		"io-timeout=6s", "read-only=yes", "tls-priority=NORMAL"};

	target_init(t);
	assert_int_equal(
		target_replay(t,
			"nbds://me@[fe80::1%25eth0]:1/my%20disk?tls-hostname=a&tls-psk-file=key",
			"/srv/\"keys\"", settings, ELEMENTSOF(settings), NULL),
		0);
}

char *state_text(const struct state *s, const struct target *t)
{
	_cleanup_(json_object_putp) json_object *o = state_to_json(s, t);

	assert_non_null(o);
	return strdup(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int state_world_begin(void **state _unused_)
{
	fill(&full);
	fill_target(&wanted);
	good = state_text(&full, &wanted);
	return good ? 0 : -1;
}

int state_world_end(void **state _unused_)
{
	target_done(&wanted);
	free(good);
	return 0;
}

int state_take(json_object *o, struct state *s, struct target *t)
{
	*s = (struct state){0};
	return o ? state_from_json(o, s, t, NULL) : -EBADMSG;
}
