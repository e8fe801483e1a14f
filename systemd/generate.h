/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns the configuration into dependencies between units (systemd.generator(7)): which
 * disks are attached at boot, with the network, or when a unit refers to them. Nothing is
 * attached here, and no server is contacted.
 */
#pragma once

/*
 * Reads the configuration files and /etc/fstab below `root` (normally "") and writes
 * links and drop-ins into `folder`. Warns of what cannot be used, by log_warning(), and
 * continues with the rest.
 */
void generate(const char *root, const char *folder);
