/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adds members to JSON objects, for the state file and the verbs' output. */
#pragma once

#include <json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/scope.h"

DEFINE_CLEANUP(json_object *, json_object_put)
#define _cleanup_json_ _cleanup_(json_object_putp)

/* text must not be NULL; "" is added as "". */
void json_add_text(json_object *o, const char *key, const char *text);

void json_add_bool(json_object *o, const char *key, bool value);
void json_add_number(json_object *o, const char *key, uint64_t value);

/* Adds a new, empty array. */
json_object *json_add_array(json_object *o, const char *key);
