/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "target/target.h"

#define ADDRESS_TEXT_SIZE 128

/* Where a connection goes to, as the kernel knows it. */
struct peer {
	struct sockaddr_storage address; /* zeros behind what is used of it */
	socklen_t size;
};

/* For the first link, so many addresses are left out at most. */
#define ADDRESSES_LEFT_OUT 3

/*
 * Where a connection may go to, of the addresses that a TCP target's name has. Two
 * addresses may be two servers, so all links of a device go to the same one.
 */
struct address_choice {
	char last[ADDRESS_TEXT_SIZE]; /* of the last link, from peer_text(); "": none */
	bool only;                    /* other links are up: no other address will do */
	unsigned turn;                /* so many addresses, in order, are tried last */
	/* Not these, from peer_text(): the servers there were reached, and of no use. */
	char but[ADDRESSES_LEFT_OUT][ADDRESS_TEXT_SIZE];
	unsigned n_but;
};

/*
 * Connects to the target's server before the deadline: to the address of the last link
 * and, if allowed and that does not work, to the others that its name has now. *ret_fd is
 * non-blocking and close-on-exec, set up so that a dead host is noticed (keepalive,
 * TCP_USER_TIMEOUT) and without delay (TCP_NODELAY), and the kernel cannot be made
 * to connect it elsewhere. FAULT_UNREACHED.
 */
int connect_server(const struct target *t, const struct address_choice *choice,
	usec_t deadline, int *ret_fd, struct peer *ret_peer, struct error *err);

/* The peer of a connected socket: getpeername(2). -ENOTCONN: not, or no longer. */
int peer_of(int fd, struct peer *ret);

bool peer_is_same(const struct peer *a, const struct peer *b);

/*
 * Whether it can be the target's server: an address of its transport. Not whether it is
 * the very one that was asked for: a load balancer's program may put another one in its
 * place at connect(2), and another port (BPF_CGROUP_INET4_CONNECT, as in Kubernetes).
 */
bool peer_fits(const struct peer *peer, const struct target *t);

/* A peer for people; for a unix socket, the path that the target has. */
void peer_text(
	const struct peer *peer, const struct target *t, char text[ADDRESS_TEXT_SIZE]);
