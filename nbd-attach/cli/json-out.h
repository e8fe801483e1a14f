/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON as the verbs print it: keys with dashes, times as UTC. */
#pragma once

#include "attachment/json-add.h"
#include "common/deadline.h"

/* NULL and "" both become null. */
void json_add_optional(json_object *o, const char *key, const char *text);

void json_add_null(json_object *o, const char *key);

/* A point in time: microseconds, or seconds, of the wall clock. */
void json_add_time(json_object *o, const char *key, int64_t usec);
void json_add_seconds(json_object *o, const char *key, int64_t seconds);

/* Seconds, with a fraction where there is one; infinity is null. */
void json_add_span(json_object *o, const char *key, usec_t span);

/* Indented; and one line per object. 0 or -errno. */
int json_print(json_object *o);
int json_print_line(json_object *o);
