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

#include "common/text.h"
#include "common/timeouts.h"
#include "wire/connect-internal.h"

int connect_result(int fd, const struct sockaddr *address, socklen_t size)
{
	socklen_t error_size = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
		return -errno;
	if (error)
		return -error;
	/*
	 * Until connect(2) is called again, a TCP socket is "connecting" (SS_CONNECTING
	 * of
	 * __inet_stream_connect()): once reset by its peer, any process that has it could
	 * connect it elsewhere. A unix socket is connected at once, and a second call
	 * would need the server, which may accept no other connection by now.
	 */
	if (address->sa_family != AF_UNIX && connect(fd, address, size) < 0 &&
		errno != EISCONN)
		return -errno;
	return 0;
}

/*
 * Keepalive probes the host of an idle connection. The connection ends after the user
 * timeout below, which replaces the number of probes (tcp_keepalive_timer()).
 */
static const int keepalive_idle = TCP_KEEPALIVE_IDLE_SECONDS,
		 keepalive_interval = TCP_KEEPALIVE_INTERVAL_SECONDS;

void connect_tune(int fd, const struct target *t)
{
	const usec_t span = MAX(t->io_timeout, TCP_USER_TIMEOUT_MIN);
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
	int r;

	if (fd < 0)
		return -errno;
	/* A unix socket with a full backlog fails with EAGAIN, and cannot be polled.
	 */
	while (connect(fd, address, size) < 0) {
		if (errno == EINPROGRESS)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = deadline_sleep(CONNECT_RETRY, deadline);
		if (r < 0)
			return r;
	}
	r = deadline_wait(fd, POLLOUT, deadline);
	if (r < 0)
		return r;
	r = connect_result(fd, address, size);
	return r < 0 ? r : TAKE_FD(fd);
}

static int unreachable(const char *address, int r, struct error *err)
{
	return error_set(err, r == -EINTR ? FAULT_OTHER : FAULT_UNREACHED, r,
		"cannot connect to %s: %m", address);
}

int peer_of(int fd, struct peer *ret)
{
	struct peer peer = {.size = sizeof(peer.address)};

	if (getpeername(fd, (struct sockaddr *)&peer.address, &peer.size) < 0)
		return -errno;
	*ret = peer;
	return 0;
}

bool peer_is_same(const struct peer *a, const struct peer *b)
{
	return a->size == b->size && a->size <= sizeof(a->address) &&
		memcmp(&a->address, &b->address, a->size) == 0;
}

bool peer_fits(const struct peer *peer, const struct target *t)
{
	const struct sockaddr_vm *vm = (const struct sockaddr_vm *)&peer->address;
	const sa_family_t family = peer->address.ss_family;

	switch (t->transport) {
	case TRANSPORT_TCP:
		return (family == AF_INET && peer->size == sizeof(struct sockaddr_in)) ||
			(family == AF_INET6 && peer->size == sizeof(struct sockaddr_in6));
	/* the server's own name for it, which may be another path, or none */
	case TRANSPORT_UNIX: return family == AF_UNIX;
	case TRANSPORT_VSOCK:
		return peer->size == sizeof(*vm) && vm->svm_family == AF_VSOCK &&
			vm->svm_cid == t->vsock_cid && vm->svm_port == t->vsock_port;
	}
	return false;
}

void connect_text(
	const struct sockaddr *address, socklen_t size, char text[ADDRESS_TEXT_SIZE])
{
	char host[64] = "?", port[8] = "?";

	getnameinfo(address, size, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, ADDRESS_TEXT_SIZE,
		address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

void peer_text(
	const struct peer *peer, const struct target *t, char text[ADDRESS_TEXT_SIZE])
{
	bool abstract = t->transport == TRANSPORT_UNIX && t->socket[0] == 0;

	switch (t->transport) {
	case TRANSPORT_TCP:
		connect_text((const struct sockaddr *)&peer->address, peer->size, text);
		break;
	case TRANSPORT_UNIX:
		snprintf(text, ADDRESS_TEXT_SIZE, "unix:%s%s", abstract ? "@" : "",
			t->socket + abstract);
		text_flatten(text);
		break;
	case TRANSPORT_VSOCK:
		snprintf(text, ADDRESS_TEXT_SIZE, "vsock:%u:%u", t->vsock_cid,
			t->vsock_port);
	}
}

static int connect_unix(
	const struct target *t, usec_t deadline, int *ret_fd, struct error *err)
{
	char text[ADDRESS_TEXT_SIZE];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	bool abstract = t->socket[0] == 0;
	size_t size = offsetof(struct sockaddr_un, sun_path) + t->socket_size + !abstract;
	int r;

	peer_text(NULL, t, text);
	if (size > sizeof(address))
		return error_set(err, FAULT_USAGE, -ENAMETOOLONG,
			"cannot connect to %s: a socket's path has at most %zu bytes",
			text, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, t->socket, t->socket_size);
	r = connect_one((const struct sockaddr *)&address, (socklen_t)size, deadline);
	if (r < 0)
		return unreachable(text, r, err);
	*ret_fd = r;
	return 0;
}

static int connect_vsock(
	const struct target *t, usec_t deadline, int *ret_fd, struct error *err)
{
	char text[ADDRESS_TEXT_SIZE];
	const struct sockaddr_vm address = {.svm_family = AF_VSOCK,
		.svm_cid = t->vsock_cid,
		.svm_port = t->vsock_port};
	int r;

	peer_text(NULL, t, text);
	r = connect_one((const struct sockaddr *)&address, sizeof(address), deadline);
	if (r < 0)
		return unreachable(text, r, err);
	*ret_fd = r;
	return 0;
}

int connect_server(const struct target *t, const struct address_choice *choice,
	usec_t deadline, int *ret_fd, struct peer *ret_peer, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = -EINVAL;

	switch (t->transport) {
	case TRANSPORT_TCP: r = fd = connect_tcp(t, choice, deadline, err); break;
	case TRANSPORT_UNIX: r = connect_unix(t, deadline, &fd, err); break;
	case TRANSPORT_VSOCK: r = connect_vsock(t, deadline, &fd, err); break;
	}
	if (r < 0)
		return r;
	r = peer_of(fd, ret_peer);
	if (r < 0)
		return error_set(err, FAULT_UNREACHED, r,
			"the server closed the connection at once: it may be full or restarting, or a "
			"proxy cannot reach it");
	*ret_fd = TAKE_FD(fd);
	return 0;
}
