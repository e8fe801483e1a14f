/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The regular look at a device: what no event tells. */
#pragma once

#include "supervisor/supervisor.h"

/* Sets when to look again. False: the device is not ours any more. */
bool health_check(struct supervisor *s, usec_t now);
