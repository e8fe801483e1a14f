/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "common/fd.h"
#include "wire/relay-buffer.h"

/* What is left is moved to the front only if it is this small. */
#define TAIL_SMALL ((size_t)20 * 1024)

void relay_buffer_consume(struct relay_buffer *b, size_t n)
{
	size_t left;

	b->start += n;
	left = relay_buffer_used(b);
	if (left > 0 && (left > TAIL_SMALL || b->start < left))
		return;
	memcpy(b->data, b->data + b->start, left);
	b->start = 0;
	b->end = left;
}

static ssize_t not_now(void)
{
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

ssize_t relay_buffer_fill(struct relay_buffer *b, int fd)
{
	size_t room = relay_buffer_room(b);
	ssize_t n;

	if (b->over || room == 0)
		return 0;
	n = fd_recvfrom(fd, b->data + b->end, room, MSG_DONTWAIT);
	if (n < 0)
		return not_now();
	if (n == 0)
		b->over = true;
	b->end += (size_t)n;
	return n;
}

ssize_t relay_buffer_drain(struct relay_buffer *b, int fd)
{
	size_t used = relay_buffer_used(b);
	ssize_t n;

	if (used == 0)
		return 0;
	n = fd_sendto(fd, b->data + b->start, used, MSG_DONTWAIT);
	if (n < 0)
		return not_now();
	relay_buffer_consume(b, (size_t)n);
	return n;
}
