/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link worker that a server has taken over. The linker replaces the negotiation with
 * ours, so that a villain (villain.h) runs in the real worker, in its real sandbox.
 */
#pragma once

#include "link/link.h"
#include "link/report.h"

#define REPORTS 3 /* a worker's descriptor for them */

/* Set before a worker or connector is forked. */
struct sandbox_world {
	struct target target; /* a server that says nothing */
	/* what a worker does instead of negotiating */
	void (*misdeed)(char *told);
	/* what a connector does instead of connecting; NULL: it connects … */
	void (*on_the_way)(char *told);
	bool connector_is_taken; /* … elsewhere */
	const char *secret; /* the parent's copy of a key, at the same address here */
	bool wants_another; /* a worker asks to be started again, in this way: */
	enum entry another[ENTRY_MAX + 1];
};
extern struct sandbox_world world;

/* For a link, even on a slow machine: what is tried ends by itself. */
#define SANDBOX_PATIENCE (20 * USEC_PER_SEC)

#define SECRET "00112233445566778899aabbccddeeff"

/* What a worker that is taken over may do: report whatever it wants, or success. */
ssize_t report_put(const void *report, size_t size);
struct report_done report_of_success(void);
void succeed(char *told);

/* For each task of a worker: it reports that it achieved nothing. */
void achieves_nothing(void (*what)(char *told));

/* cmocka's setup and teardown of a group. */
int sandbox_world_begin(void **state);
int sandbox_world_end(void **state);
