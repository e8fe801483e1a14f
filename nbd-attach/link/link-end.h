/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a link has ended, for the user: by a server or proxy, and with which TLS alert. The
 * kernel keeps that in the socket; a relay tells it by its exit code, of which nothing
 * else is taken: it has talked to the server, and is not trusted.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct link_end {
	bool by_server; /* or by something on the way; false: by the driver, or unknown */
	int alert;      /* that the server sent; -ENODATA: none is known */
};

/* The alert with which a server ends a session without a reason. */
#define ALERT_CLOSE_NOTIFY 0

/* Of a link's socket, and of its relay (0: none), which is killed if it still runs. */
struct link_end link_end_find(int fd, pid_t relay);

/* In a relay: the code to exit with, after relay_run() has returned r. */
int link_end_exit_code(int r, int alert);

/* For messages: ": the server sent the TLS alert …", or "" if there is none. */
#define ALERT_TEXT_SIZE 128
void link_end_text(int alert, char out[ALERT_TEXT_SIZE]);
