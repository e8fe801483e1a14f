#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by dracut.

export FRAMEWORK=dracut
. "${0%/*}/../root-cases.sh"

# As if dracut-network was not installed, or a program that its modules need.
refuses_lack_of_network() {
	DRACUT_ARGUMENTS=(--omit 'network ifcfg')
	refuses_image "'nbd-attach' depends on .*'network', which can't be installed"
}

root_cases
it "makes no image without the network" refuses_lack_of_network
