#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The server is killed and comes back when the kernel has long begun to repeat its
# warnings, and the supervisor asks less often.
# Long: it is away for long.

. "${0%/*}/../lib.sh"

long() {
	new_disks 4M
	serve --filter=delay rdelay=5ms wdelay=20ms
	set_up
	outage 40 4
	finish
}

it "for 40 seconds" supervised long
