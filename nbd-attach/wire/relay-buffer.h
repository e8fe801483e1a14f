/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes on their way: filled at its end, emptied at its beginning. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RELAY_BUFFER_SIZE ((size_t)256 * 1024)

struct relay_buffer {
	char *data;
	size_t start, end; /* what is in it */
	bool over;         /* nothing will be added any more */
};

static inline size_t relay_buffer_used(const struct relay_buffer *b)
{
	return b->end - b->start;
}

/* Room in one piece. */
static inline size_t relay_buffer_room(const struct relay_buffer *b)
{
	return RELAY_BUFFER_SIZE - b->end;
}

/* Takes n bytes off. What is left moves to the front when that costs little. */
void relay_buffer_consume(struct relay_buffer *b, size_t n);

/*
 * One system call each. Bytes moved; 0: nothing to do, or not now; -errno. At the end of
 * the stream `over` is set.
 */
ssize_t relay_buffer_fill(struct relay_buffer *b, int fd);
ssize_t relay_buffer_drain(struct relay_buffer *b, int fd);
