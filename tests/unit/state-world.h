/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state with everything in it, and its text. */
#pragma once

#include <json.h>

#include "attachment/state-file.h"
#include "attachment/state-json.h"

#define EVENTS 40 /* more than are kept */

DEFINE_CLEANUP(json_object *, json_object_put)

extern struct state full;
extern struct target wanted;
extern char *good; /* their text */

/* Caller frees. */
char *state_text(const struct state *s, const struct target *t);

/* As state_read(). */
int state_take(json_object *o, struct state *s, struct target *t);

/* cmocka's setup and teardown of a group: make and release these. */
int state_world_begin(void **state);
int state_world_end(void **state);
