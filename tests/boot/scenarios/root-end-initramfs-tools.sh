#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools, that is to end without one.
# Long: it waits a minute and a half.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-end.sh"

it "boots, told in old words" boots_in_old_words
it "ends without a server" ends_without_server poweroff "switching off" "Power down"
it "boots again" boots_again
