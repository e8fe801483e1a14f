/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/stream.h"

/*
 * NBD_CMD_DISC: the polite end of a connection in the transmission phase that the kernel
 * has not got. There is no reply; a server that does not take it is not waited for.
 */
void cmd_disc(struct stream *s);
