/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The regular check of a device, for what no event announces. */
#pragma once

#include "supervisor/supervisor.h"

/* Sets when the next check is due. False: the device is no longer ours. */
bool health_check(struct supervisor *s, usec_t now);
