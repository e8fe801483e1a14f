/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A buffer of bytes, filled at its end and emptied at its beginning. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RELAY_BUFFER_SIZE ((size_t)256 * 1024)

struct relay_buffer {
	char *data;
	size_t start, end; /* the used part */
	bool over;         /* the source has ended */
};

static inline size_t relay_buffer_used(const struct relay_buffer *b)
{
	return b->end - b->start;
}

/* Contiguous free space. */
static inline size_t relay_buffer_room(const struct relay_buffer *b)
{
	return RELAY_BUFFER_SIZE - b->end;
}

/* Removes n bytes. The rest moves to the front if that is cheap. */
void relay_buffer_consume(struct relay_buffer *b, size_t n);

/*
 * One system call each. Returns the bytes moved; 0: nothing to do, or it would block;
 * -errno. Sets `over` at the end of the stream.
 */
ssize_t relay_buffer_fill(struct relay_buffer *b, int fd);
ssize_t relay_buffer_drain(struct relay_buffer *b, int fd);
