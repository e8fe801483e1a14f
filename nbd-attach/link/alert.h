/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The TLS alert with which a server has ended a link. The kernel keeps it in the socket;
 * a relay tells it by its exit code, of which nothing else is taken: it has talked to the
 * server, and is not trusted.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define ALERT_TEXT_SIZE 128

/* The one with which a server ends a session without a reason. */
#define ALERT_CLOSE_NOTIFY 0

/*
 * The alert, of a link that has ended: its socket, and its relay (0: none), which is
 * killed if it still runs. -ENODATA: none is known.
 */
int alert_find(int fd, pid_t relay);

/*
 * Whether the server, or something on the way, has ended a TCP connection, rather than
 * this side. False if that cannot be known.
 */
bool alert_ended_by_server(int fd);

/* For messages: ": the server sent the TLS alert …", or "" if there is none. */
void alert_text(int alert, char out[ALERT_TEXT_SIZE]);

/* In a relay: the code to exit with. */
int alert_to_exit_code(int alert);
