#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-cases.sh"

root_cases
