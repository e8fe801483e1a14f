/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/timeouts.h"
#include "wire/relay-internal.h"
#include "wire/tls.h"

#define N_BUFFERS 4

struct relay *relay_new(void)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	char *memory = mmap(NULL, N_BUFFERS * RELAY_BUFFER_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (!relay || memory == MAP_FAILED) {
		free(relay);
		if (memory != MAP_FAILED)
			munmap(memory, N_BUFFERS * RELAY_BUFFER_SIZE);
		return NULL;
	}
	relay->alert = -ENODATA;
	relay->memory = memory;
	relay->up.data = memory;
	relay->up_wire.data = memory + RELAY_BUFFER_SIZE;
	relay->down_wire.data = memory + 2 * RELAY_BUFFER_SIZE;
	relay->down.data = memory + 3 * RELAY_BUFFER_SIZE;
	return relay;
}

void relay_free(struct relay *relay)
{
	munmap(relay->memory, N_BUFFERS * RELAY_BUFFER_SIZE);
	free(relay);
}

/* Without TLS, bytes are passed on unchanged. */
static struct relay_buffer *to_far(struct relay *relay)
{
	return relay->far->tls ? &relay->up_wire : &relay->up;
}

static struct relay_buffer *from_far(struct relay *relay)
{
	return relay->far->tls ? &relay->down_wire : &relay->down;
}

/*
 * A server that has closed the connection may have said why before, and may have sent
 * replies: they are read.
 */
static ssize_t drain_to_far(struct relay *relay)
{
	ssize_t n = relay_buffer_drain(to_far(relay), relay->far->fd);

	if (n != -EPIPE && n != -ECONNRESET)
		return n;
	relay->deaf = true;
	return 0;
}

static ssize_t move_up(struct relay *relay, int near)
{
	ssize_t sum = 0, n = relay_buffer_fill(&relay->up, near);

	if (n >= 0 && relay->far->tls)
		n = (sum += n, relay_tls_send(relay));
	if (n >= 0)
		n = (sum += n, drain_to_far(relay));
	return n < 0 ? n : sum + n;
}

/* Does each step once, without blocking. Returns the bytes moved in total, or -errno. */
static ssize_t move(struct relay *relay, int near)
{
	ssize_t sum = 0, n = relay->deaf ? 0 : move_up(relay, near);

	if (n >= 0)
		n = (sum += n, relay_buffer_fill(from_far(relay), relay->far->fd));
	if (n >= 0 && relay->far->tls)
		n = (sum += n, relay_tls_receive(relay));
	if (n >= 0)
		n = (sum += n, relay_buffer_drain(&relay->down, near));
	return n < 0 ? n : sum + n;
}

/* Waits until something can be moved again. */
static int wait_for_more(struct relay *relay, int near, usec_t deadline)
{
	struct relay_buffer *out = to_far(relay), *in = from_far(relay);
	struct pollfd fds[] = {{.fd = near}, {.fd = relay->far->fd}};

	if (!relay->deaf && !relay->up.over && relay_buffer_room(&relay->up) > 0)
		fds[0].events |= POLLIN;
	if (relay_buffer_used(&relay->down) > 0)
		fds[0].events |= POLLOUT;
	if (!in->over && relay_buffer_room(in) > 0)
		fds[1].events |= POLLIN;
	if (!relay->deaf && relay_buffer_used(out) > 0)
		fds[1].events |= POLLOUT;
	/* POLLHUP of a side that we do not wait for must not wake us. */
	for (size_t i = 0; i < ELEMENTSOF(fds); i++)
		if (fds[i].events == 0)
			fds[i].fd = -1;
	return deadline_poll(fds, ELEMENTSOF(fds), deadline);
}

/* The near side has ended, and all that it sent has been passed on. */
static bool is_drained(struct relay *relay)
{
	return relay->up.over && relay_buffer_used(&relay->up) == 0 &&
		relay_buffer_used(&relay->up_wire) == 0;
}

/*
 * Except after an orderly end, unsent data is discarded: the kernel repeats the requests
 * on another link, and a late copy could overwrite newer data.
 */
static void set_linger(int fd, bool throw_away)
{
	const struct linger linger = {.l_onoff = throw_away};

	(void)fd_set_option(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void say_goodbye(struct relay *relay)
{
	if (relay->far->tls) {
		relay_tls_end(relay);
		(void)relay_buffer_drain(&relay->up_wire, relay->far->fd);
	}
	(void)fd_shutdown(relay->far->fd, SHUT_WR);
	set_linger(relay->far->fd, false);
}

int relay_run(struct relay *relay, int near, struct stream *far)
{
	usec_t deadline = USEC_INFINITY;

	relay->far = far;
	set_linger(far->fd, true);
	if (far->tls)
		relay_tls_begin(relay);
	for (;;) {
		ssize_t n = move(relay, near);

		if (n < 0)
			return (int)n;
		if (is_drained(relay)) {
			say_goodbye(relay);
			return 0;
		}
		if (relay->down.over && relay_buffer_used(&relay->down) == 0) {
			/*
			 * This may be the reply to NBD_CMD_DISC, before the end of the
			 * near side was seen: send close_notify. With unsent data, which
			 * must not arrive any more, do not.
			 */
			if (!relay->deaf && relay_buffer_used(to_far(relay)) == 0)
				say_goodbye(relay);
			return -ECONNRESET;
		}
		if (deadline == USEC_INFINITY &&
			(relay->up.over || relay->down.over || relay->deaf))
			deadline = deadline_after(RELAY_DRAIN_TIMEOUT);
		if (n == 0 && wait_for_more(relay, near, deadline) == -ETIMEDOUT)
			return -ETIMEDOUT;
	}
}

int relay_alert(const struct relay *relay)
{
	return relay->alert;
}
