/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verifies that each link encrypts, soon after the kernel has it: what it sends shows
 * that. If nothing is sent, we read a few blocks (an idle disk might send nothing for
 * long, and its first request would be checked seconds too late).
 *
 * With more links than processors, a link may get no requests. It cannot be verified
 * until another is lost whose requests it gets.
 */
#pragma once

#include "supervisor/supervisor.h"

/*
 * Checks the links not yet known to encrypt, and schedules the next check. A link that
 * the kernel does not encrypt is shut down, and a->plaintext says so.
 */
void proof_check(struct supervisor *s, usec_t now);
