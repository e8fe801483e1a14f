#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools, with an image for this machine only.
# Long: the machine makes its image itself, which takes minutes.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-own.sh"

own_cases
