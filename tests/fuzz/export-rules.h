/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/export.h"

/* What a server said of an export, once it was accepted: whole and within its bounds. */
void must_be_export(const struct nbd_export *e);
