/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request to sock_diag(7). */
#pragma once

#include <stddef.h>

#include <netlink/handlers.h>

/*
 * Sends the request, of `type` (SOCK_DIAG_BY_FAMILY, SOCK_DESTROY) with `flags`
 * (NLM_F_…), and calls take for each answer. -errno, the kernel's own included: -ENOENT
 * where it has no such tables.
 */
int sock_diag_ask(int type, int flags, const void *request, size_t size,
	nl_recvmsg_msg_cb_t take, void *userdata);
