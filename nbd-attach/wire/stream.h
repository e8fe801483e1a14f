/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes to and from the server, with or without TLS; negotiation does not care. Never
 * reads more from the socket than was asked for, so that the socket can be handed to the
 * kernel or to TLS at any message boundary.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"

struct stream;

/* One attempt each. Returns the bytes moved, 0 at the end of the stream, -EAGAIN or
 * another -errno.
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
	const char *step;        /* for messages: "the greeting" */
	short events;            /* for poll(2) after -EAGAIN */
	struct tls_session *tls; /* NULL: plain; owned by tls.c */
};

/* A stream without TLS over a connected, non-blocking socket. */
void stream_init(struct stream *s, int fd, usec_t deadline);

/*
 * Reads or writes all `size` bytes. -ETIMEDOUT: the deadline has passed
 * (FAULT_UNREACHED); -ECONNRESET: the server closed the connection (FAULT_PROTOCOL);
 * -EINTR; FAULT_TLS.
 */
int stream_read(struct stream *s, void *data, size_t size, struct error *err);
int stream_write(struct stream *s, const void *data, size_t size, struct error *err);

/* Waits for the first byte and reads what is there by then: 1 to `size` bytes. Errors as
 * above. */
ssize_t stream_read_some(struct stream *s, void *data, size_t size, struct error *err);

/*
 * To be called when the server has agreed to TLS. Reading and writing fail with -ENOTCONN
 * until TLS is up, so that no bug can send another byte in plaintext.
 */
void stream_seal(struct stream *s);

/*
 * Waits for s->events after an attempt returned -EAGAIN. -ETIMEDOUT (FAULT_UNREACHED),
 * -EINTR.
 */
int stream_wait(const struct stream *s, struct error *err);

/* Fills err when the deadline of s has passed. Returns -ETIMEDOUT. */
int stream_timed_out(const struct stream *s, struct error *err);
