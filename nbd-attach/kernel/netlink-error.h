/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libnl folds errno values into codes of its own, several into one: the -errno that
 * `code`, a negative NLE_…, stands for. `system` is the errno that the failed call has
 * left, having been 0 before it: the cause, if that is what becomes this code. -EPROTO:
 * an answer is missing or makes no sense.
 */
int netlink_error(int code, int system);
