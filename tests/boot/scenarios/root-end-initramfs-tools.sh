#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools, that is to end without one.
# Long: it waits a minute and a half.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-end.sh"

end_cases poweroff "powering off" "Power down"
