/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/stream.h"

/*
 * NBD_CMD_DISC: ends a connection in the transmission phase that the kernel does not use.
 * There is no reply, and we do not wait for the server to read it.
 */
void cmd_disc(struct stream *s);
