/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>

#include "common/fd.h"
#include "wire/stream.h"

static ssize_t plain_read(
	struct stream *s, void *data, size_t size, _unused_ struct error *err)
{
	ssize_t n = fd_recvfrom(s->fd, data, size, 0);

	s->events = POLLIN;
	return n < 0 ? -errno : n;
}

static ssize_t plain_write(
	struct stream *s, const void *data, size_t size, _unused_ struct error *err)
{
	ssize_t n = fd_sendto(s->fd, data, size, 0);

	s->events = POLLOUT;
	return n < 0 ? -errno : n;
}

static const struct stream_ops plain_ops = {.read = plain_read, .write = plain_write};

void stream_init(struct stream *s, int fd, usec_t deadline)
{
	*s = (struct stream){.ops = &plain_ops,
		.fd = fd,
		.deadline = deadline,
		.step = "the connection"};
}

static ssize_t sealed_read(_unused_ struct stream *s, _unused_ void *data,
	_unused_ size_t size, _unused_ struct error *err)
{
	return -ENOTCONN;
}

static ssize_t sealed_write(_unused_ struct stream *s, _unused_ const void *data,
	_unused_ size_t size, _unused_ struct error *err)
{
	return -ENOTCONN;
}

static const struct stream_ops sealed_ops = {.read = sealed_read, .write = sealed_write};

void stream_seal(struct stream *s)
{
	s->ops = &sealed_ops;
}

int stream_timed_out(const struct stream *s, struct error *err)
{
	return error_set(err, FAULT_UNREACHED, -ETIMEDOUT,
		"the server did not finish %s in time (--connect-timeout)", s->step);
}

static int closed(const struct stream *s, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -ECONNRESET,
		"the server closed the connection during %s: its log may say why",
		s->step);
}

/* If there is data, this returns at once, and the data may be a record without content.
 */
int stream_wait(const struct stream *s, struct error *err)
{
	int r = deadline_left(s->deadline) == 0
		? -ETIMEDOUT
		: deadline_wait(s->fd, s->events, s->deadline);

	if (r == -ETIMEDOUT)
		return stream_timed_out(s, err);
	if (r < 0)
		return error_set(
			err, FAULT_OTHER, r, "interrupted during %s: %m", s->step);
	return 0;
}

/* After an attempt that moved nothing: waits, or fills err. */
static int after_nothing(struct stream *s, ssize_t n, struct error *err)
{
	switch (n) {
	case 0:
	case -ECONNRESET:
	case -EPIPE: return closed(s, err);
	case -EINTR: return 0;
	case -EAGAIN: break;
	default:
		if (err->fault == FAULT_NONE)
			error_set(err, FAULT_UNREACHED, (int)n,
				"the connection failed during %s: %m", s->step);
		return (int)n;
	}
	return stream_wait(s, err);
}

/* With a server that sends byte by byte we never wait, so the deadline is checked here
 * too. */
static int after_attempt(struct stream *s, ssize_t n, struct error *err)
{
	if (n <= 0)
		return after_nothing(s, n, err);
	return deadline_left(s->deadline) == 0 ? stream_timed_out(s, err) : 0;
}

ssize_t stream_read_some(struct stream *s, void *data, size_t size, struct error *err)
{
	for (;;) {
		ssize_t n = s->ops->read(s, data, size, err);
		int r = after_attempt(s, n, err);

		if (r < 0)
			return r;
		if (n > 0)
			return n;
	}
}

int stream_read(struct stream *s, void *data, size_t size, struct error *err)
{
	char *to = data;

	while (size > 0) {
		ssize_t n = stream_read_some(s, to, size, err);

		if (n < 0)
			return (int)n;
		to += n;
		size -= (size_t)n;
	}
	return 0;
}

int stream_write(struct stream *s, const void *data, size_t size, struct error *err)
{
	const char *from = data;

	while (size > 0) {
		ssize_t n = s->ops->write(s, from, size, err);
		int r = after_attempt(s, n, err);

		if (r < 0)
			return r;
		from += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}
