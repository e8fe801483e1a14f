/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state file's text. */
#pragma once

#include "attachment/state.h"

struct json_object;

/* The state and the target as one object; NULL: out of memory. The caller puts it. */
struct json_object *state_to_json(const struct state *s, const struct target *t);

/*
 * Back again; every field must be there, of its type, within its bounds. t may be NULL.
 * -EBADMSG. What is wrong with the target itself: as target_replay().
 */
int state_from_json(
	struct json_object *o, struct state *s, struct target *t, struct error *err);
