/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a link: see the table in connection.c. */
#pragma once

#include "supervisor/supervisor.h"

typedef enum phase (*action_fn)(struct supervisor *s, struct connection *conn);

/* In `phase`, `event` runs `action`, which returns one of the phases in `next`. */
struct transition {
	enum phase phase;
	enum connection_event event;
	action_fn action;
	unsigned next; /* bits: 1 << phase */
};
extern const struct transition connection_life[];
extern const size_t connection_life_size;

/* An event that the table does not list for the current phase is ignored. */
void connection_event(
	struct supervisor *s, struct connection *conn, enum connection_event event);

/* The attempt is connected, it is over, or it is late. */
void connection_attempt_ready(struct supervisor *s, struct connection *conn);
