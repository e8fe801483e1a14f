/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Prints what nbd-attach --help says, on stdout. 0 or -errno. */
int help_print(void);
