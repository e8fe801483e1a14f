#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by dracut, that is to end without one.
# Long: it waits a minute and a half.

export FRAMEWORK=dracut
. "${0%/*}/../root-end.sh"

end_cases reboot restarting "Restarting system"
