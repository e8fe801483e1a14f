/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links and drop-ins that a generator writes: systemd.unit(5). A failure is logged. */
#pragma once

#include "common/scope.h"

/* UNIT wants WANTED: a link UNIT.wants/WANTED in the folder. */
void unit_file_want(const char *folder, const char *unit, const char *wanted);

/* UNIT.d/50-nbd-attach.conf in the folder, lines of its section [Unit]. */
void unit_file_drop_in(const char *folder, const char *unit, const char *format, ...)
	_printf_(3, 4);
