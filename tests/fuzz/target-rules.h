/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "target/target.h"

/* Everything that target_parse_uri() or target_set() filled in is within its bounds. */
void must_be_in_bounds(const struct target *t);

/* target_check() either tells why it refuses t, or t keeps the next rule. */
void must_be_checked(struct target *t);

/* Of what target_check() has accepted: can be shown, and made again from its recipe. */
void must_come_again(const struct target *t);
