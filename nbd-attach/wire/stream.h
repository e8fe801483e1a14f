/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes to and from the server, plain or TLS: negotiation does not ask which. Exactly the
 * bytes that are asked for are taken from the socket, never more, so that it can be
 * handed to the kernel (or to TLS) at any message boundary.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"

struct stream;

/* One attempt each: bytes moved, 0 at the end of the stream, -EAGAIN, or another -errno.
 */
struct stream_ops {
	ssize_t (*read)(struct stream *s, void *data, size_t size, struct error *err);
	ssize_t (*write)(
		struct stream *s, const void *data, size_t size, struct error *err);
};

struct tls_session;

struct stream {
	const struct stream_ops *ops;
	int fd;                  /* non-blocking; not owned */
	usec_t deadline;         /* of the whole negotiation */
	const char *step;        /* what is being done, for messages: "the greeting" */
	short events;            /* what poll(2) must wait for after -EAGAIN */
	struct tls_session *tls; /* NULL: plain; owned by tls.c */
};

/* A plain stream over a connected, non-blocking socket. */
void stream_init(struct stream *s, int fd, usec_t deadline);

/*
 * Moves all `size` bytes. -ETIMEDOUT: the deadline has passed (FAULT_UNREACHED);
 * -ECONNRESET: the server closed (FAULT_PROTOCOL); -EINTR; TLS failures: FAULT_TLS.
 */
int stream_read(struct stream *s, void *data, size_t size, struct error *err);
int stream_write(struct stream *s, const void *data, size_t size, struct error *err);

/*
 * The server has agreed to TLS: until TLS is up, nothing can be read or written any more
 * (-ENOTCONN), so that no mistake of ours sends another byte in plaintext.
 */
void stream_seal(struct stream *s);

/*
 * Waits for s->events, after an attempt that gave -EAGAIN. -ETIMEDOUT (FAULT_UNREACHED),
 * -EINTR.
 */
int stream_wait(const struct stream *s, struct error *err);

/* The failure of an operation on s whose deadline has passed. Returns -ETIMEDOUT. */
int stream_timed_out(const struct stream *s, struct error *err);
