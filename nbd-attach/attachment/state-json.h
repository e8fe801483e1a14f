/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state file's text. */
#pragma once

#include "attachment/state.h"

struct json_object;

/* State and target as one object, which the caller releases. NULL: out of memory. */
struct json_object *state_to_json(const struct state *s, const struct target *t);

/*
 * Parses such an object: every field must exist, with its type, within its bounds. t may
 * be NULL. -EBADMSG. Errors in the target itself: as target_replay().
 */
int state_from_json(
	struct json_object *o, struct state *s, struct target *t, struct error *err);
