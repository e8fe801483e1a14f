/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * That each link encrypts is seen soon after the kernel has got it: what it sends tells,
 * and if nobody has anything to send a request of ours does (an idle disk would go on for
 * long, and what is sent first then would be looked at seconds later).
 *
 * One that no processor's requests go to, for there may be more links than processors,
 * has nothing to tell, until another is lost whose requests it gets.
 */
#pragma once

#include "supervisor/supervisor.h"

/*
 * Looks at the links that were not seen to encrypt, and sees to it that they are looked
 * at again. A kernel that does not encrypt has the link cut, and a->plaintext says so.
 */
void proof_check(struct supervisor *s, usec_t now);
