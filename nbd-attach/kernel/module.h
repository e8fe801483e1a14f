/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel modules, with libkmod. */
#pragma once

#include "common/error.h"

/*
 * Loads a module by name or alias, with modprobe.d's options and blacklists applied;
 * success if it is built in or loaded already. -ENOENT: there is none; -EPERM, …:
 * FAULT_KERNEL.
 */
int module_load(const char *name, struct error *err);
