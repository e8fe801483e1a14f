/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include "common/log.h"
#include "common/text.h"
#include "wire/connect.h"

/*
 * An idle connection is asked now and then whether its host is there. It ends after the
 * user timeout below, which takes the place of the count of probes
 * (tcp_keepalive_timer()).
 */
static const int keepalive_idle = 10, keepalive_interval = 5;

/* A server may take as long as a request may: --io-timeout, but never less than this. */
#define USER_TIMEOUT_LEAST (30 * USEC_PER_SEC)

/* Servers farther away than this are of no use as disks. */
#define SYN_PATIENCE (3 * USEC_PER_SEC)

DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo)

/* What a TCP socket of ours needs; failing to set it does not make it useless. */
static void tune_tcp(int fd, const struct target *t)
{
	const usec_t span = MAX(t->io_timeout, USER_TIMEOUT_LEAST);
	const unsigned user_timeout = (unsigned)(span / USEC_PER_MSEC);
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_idle, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive_interval, sizeof(int));
	setsockopt(
		fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
}

/* Connects one socket within the deadline: the descriptor, or -errno. */
static int connect_one(const struct sockaddr *address, socklen_t size, usec_t deadline)
{
	_cleanup_close_ int fd =
		socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t error_size = sizeof(int);
	int r, error = 0;

	if (fd < 0)
		return -errno;
	/* A full backlog of a unix socket says EAGAIN, and there is nothing to poll for.
	 */
	while (connect(fd, address, size) < 0) {
		if (errno == EINPROGRESS)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = deadline_sleep(50 * USEC_PER_MSEC, deadline);
		if (r < 0)
			return r;
	}
	r = deadline_wait(fd, POLLOUT, deadline);
	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
		return -errno;
	return error ? -error : TAKE_FD(fd);
}

/*
 * A SYN that got lost is sent again later and later, after half a minute at last: too
 * late for a network that has just come back. So the connection is begun anew now and
 * then.
 */
static int connect_patiently(
	const struct sockaddr *address, socklen_t size, usec_t deadline)
{
	int r;

	do
		r = connect_one(
			address, size, MIN(deadline, deadline_after(SYN_PATIENCE)));
	while (r == -ETIMEDOUT && deadline_left(deadline) > 0);
	return r;
}

static int unreachable(const char *address, int r, struct error *err)
{
	return error_set(err, r == -EINTR ? FAULT_OTHER : FAULT_UNREACHED, r,
		"cannot connect to %s: %m", address);
}

static int resolve(const struct target *t, struct addrinfo **ret, struct error *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = AI_NUMERICSERV};
	int r = getaddrinfo(t->host, t->port, &hints, ret);

	if (r == 0)
		return 0;
	return error_set(err, FAULT_UNREACHED, -EHOSTUNREACH, "cannot resolve %s: %s",
		t->host, r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
}

static void address_text(const struct addrinfo *a, char text[ADDRESS_TEXT_SIZE])
{
	char host[64] = "?", port[8] = "?";

	getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, ADDRESS_TEXT_SIZE, a->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		host, port);
}

/* Each address gets an equal part of the time that is left, so that no one eats it all.
 */
static int connect_tcp(const struct target *t, usec_t deadline, int *ret_fd,
	char text[ADDRESS_TEXT_SIZE], struct error *err)
{
	_cleanup_(freeaddrinfop) struct addrinfo *list = NULL;
	unsigned left = 0;
	int r;

	r = resolve(t, &list, err);
	if (r < 0)
		return r;
	for (struct addrinfo *a = list; a; a = a->ai_next)
		left++;
	for (struct addrinfo *a = list; a; a = a->ai_next, left--) {
		usec_t until = deadline_after(deadline_left(deadline) / left);

		address_text(a, text);
		log_debug("connecting to %s", text);
		r = connect_patiently(a->ai_addr, a->ai_addrlen, until);
		if (r >= 0) {
			tune_tcp(r, t);
			*ret_fd = r;
			return 0;
		}
		unreachable(text, r, err);
		if (r == -EINTR)
			break;
	}
	return r;
}

static int connect_unix(const struct target *t, usec_t deadline, int *ret_fd,
	char text[ADDRESS_TEXT_SIZE], struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	bool abstract = t->socket[0] == 0;
	size_t size = offsetof(struct sockaddr_un, sun_path) + t->socket_size + !abstract;
	int r;

	if (size > sizeof(address))
		return error_set(
			err, FAULT_USAGE, -ENAMETOOLONG, "the socket's path is too long");
	memcpy(address.sun_path, t->socket, t->socket_size);
	snprintf(text, ADDRESS_TEXT_SIZE, "unix:%s%s", abstract ? "@" : "",
		t->socket + abstract);
	text_flatten(text);
	r = connect_one((const struct sockaddr *)&address, (socklen_t)size, deadline);
	if (r < 0)
		return unreachable(text, r, err);
	*ret_fd = r;
	return 0;
}

static int connect_vsock(const struct target *t, usec_t deadline, int *ret_fd,
	char text[ADDRESS_TEXT_SIZE], struct error *err)
{
	const struct sockaddr_vm address = {.svm_family = AF_VSOCK,
		.svm_cid = t->vsock_cid,
		.svm_port = t->vsock_port};
	int r;

	snprintf(text, ADDRESS_TEXT_SIZE, "vsock:%u:%u", t->vsock_cid, t->vsock_port);
	r = connect_one((const struct sockaddr *)&address, sizeof(address), deadline);
	if (r < 0)
		return unreachable(text, r, err);
	*ret_fd = r;
	return 0;
}

int connect_server(const struct target *t, usec_t deadline, int *ret_fd,
	char address[ADDRESS_TEXT_SIZE], struct error *err)
{
	switch (t->transport) {
	case TRANSPORT_TCP: return connect_tcp(t, deadline, ret_fd, address, err);
	case TRANSPORT_UNIX: return connect_unix(t, deadline, ret_fd, address, err);
	case TRANSPORT_VSOCK: return connect_vsock(t, deadline, ret_fd, address, err);
	}
	return -EINVAL;
}
