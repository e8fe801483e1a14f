/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The -errno for `code`, a negative NLE_… of libnl, which maps several errno values to
 * one code. `system` is errno after the failed call, having been 0 before it: it is the
 * cause if libnl maps it to this code. -EPROTO: a reply is missing or invalid.
 */
int netlink_error(int code, int system);
