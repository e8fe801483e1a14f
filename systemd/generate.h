/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is configured, turned into dependencies between units (systemd.generator(7)):
 * which disks come at boot, with the network, or when something refers to them. Nothing
 * is attached here, and no server is spoken to.
 */
#pragma once

/*
 * Reads the configuration files and /etc/fstab below `root` ("" as a rule) and writes
 * links and drop-ins into `folder`. What cannot be used is told by log_warning(), and
 * the rest goes on.
 */
void generate(const char *root, const char *folder);
