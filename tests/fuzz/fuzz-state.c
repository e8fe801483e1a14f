/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state file's text. What is taken is written again, and is the same then. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "rules.h"
#include "attachment/json-add.h"
#include "attachment/state-json.h"
#include "target-rules.h"

/* Fills s and t, which the caller releases. */
static int take(json_object *o, struct state *s, struct target *t, struct error *err)
{
	*s = (struct state){0};
	target_init(t);
	return o ? state_from_json(o, s, t, err) : -EBADMSG;
}

static void check_state(const struct state *s)
{
	assert(s->n_links >= 1 && s->n_links <= NBD_LINKS_MAX);
	assert(s->block_size >= 512);
	for (unsigned i = 0; i < s->n_links; i++)
		assert(state_link_word(s->links[i].state));
	for (uint64_t n = s->n_events, i = 0; n > 0 && i < STATE_EVENTS_MAX; n--, i++) {
		const struct state_event *event = state_event(s, n);

		assert(event && event->link >= -1 && event->link < NBD_LINKS_MAX);
		assert(strlen(event->kind) < sizeof(event->kind));
		assert(strlen(event->text) < sizeof(event->text));
	}
	assert(!state_event(s, s->n_events + 1));
}

static size_t count(json_object *o, const char *key)
{
	return json_object_array_length(json_object_object_get(o, key));
}

/* What came from o is written with as much in it, and is the same once read again. */
static void must_be_read_again(
	json_object *o, const struct state *s, const struct target *t)
{
	_cleanup_json_ json_object *first = state_to_json(s, t);
	_cleanup_json_ json_object *text = NULL, *second = NULL;
	_cleanup_target_ struct target t_again;
	struct state s_again;
	struct error err = {0};

	assert(first);
	assert(count(o, "links") == count(first, "links"));
	assert(count(o, "events") == count(first, "events"));
	assert(count(o, "settings") == count(first, "settings"));
	text = json_tokener_parse(json_object_to_json_string(first));
	assert(take(text, &s_again, &t_again, &err) == 0);
	second = state_to_json(&s_again, &t_again);
	assert(second && json_object_equal(first, second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	_cleanup_json_ json_object *o = json_tokener_parse(text);
	_cleanup_target_ struct target t;
	struct error err = {0};
	struct state s;
	int r = take(o, &s, &t, &err);

	if (r < 0) {
		assert(r >= -4095);
		return 0;
	}
	check_state(&s);
	must_be_in_bounds(&t);
	must_come_again(&t);
	must_be_read_again(o, &s, &t);
	return 0;
}
