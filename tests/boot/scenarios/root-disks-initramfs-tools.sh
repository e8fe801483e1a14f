#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools: where it is.
# Long: several boots.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-disks.sh"

disk_cases
