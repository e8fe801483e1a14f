/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same work for many things, several at a time, each in a child process: what hangs
 * or crashes for one does not affect the others.
 */
#pragma once

#include <stddef.h>

#include "common/error.h"

struct outcome {
	int r;
	struct error error;
};

/*
 * Calls work(i, userdata, &error) for each i below n, at most `width` at a time, and
 * waits for all. ret[i] is what it returned. Unlike process_start(), the children keep
 * stderr and other descriptors.
 *
 * SIGINT, SIGTERM and SIGHUP: no other is begun, and its result is -EINTR; each child
 * gets the signal once, also if a terminal sends it to all processes. -ENOMEM: none was
 * begun.
 */
int side_by_side(int (*work)(size_t i, const void *userdata, struct error *err),
	const void *userdata, size_t n, unsigned width, struct outcome *ret);
