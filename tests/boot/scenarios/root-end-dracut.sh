#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by dracut, that is to end without one.
# Long: it waits a minute and a half.

export FRAMEWORK=dracut
. "${0%/*}/../root-end.sh"

it "boots, told in old words" boots_in_old_words
it "ends without a server" ends_without_server reboot restarting "Restarting system"
it "boots again" boots_again
