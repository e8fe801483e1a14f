/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "target/target.h"

#define ADDRESS_TEXT_SIZE 128

/*
 * Connects to the target's server: resolves it anew, tries its addresses in turn, all
 * before the deadline. *ret_fd is non-blocking and close-on-exec, set up so that a dead
 * host is noticed (keepalive, TCP_USER_TIMEOUT) and without delay (TCP_NODELAY). address
 * becomes what was connected to, for people. FAULT_UNREACHED.
 */
int connect_server(const struct target *t, usec_t deadline, int *ret_fd,
	char address[ADDRESS_TEXT_SIZE], struct error *err);
