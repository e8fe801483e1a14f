/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What connect.c and connect-tcp.c share. */
#pragma once

#include "wire/connect.h"

/* Of a socket that is writable after connect(2): whether it is connected. 0 or -errno. */
int connect_result(int fd, const struct sockaddr *address, socklen_t size);

/* "address:port" of an IP address. */
void connect_text(
	const struct sockaddr *address, socklen_t size, char text[ADDRESS_TEXT_SIZE]);

/* What connect_server() says of a TCP socket. One without these can still be used. */
void connect_tune(int fd, const struct target *t);

/* connect_server() for TCP: the socket, or -errno. */
int connect_tcp(const struct target *t, const struct address_choice *choice,
	usec_t deadline, struct error *err);
