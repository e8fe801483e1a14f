#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by dracut, at an IPv6 address.
# Long: it resembles root-dracut.sh.

export FRAMEWORK=dracut
. "${0%/*}/../root-ipv6.sh"

ipv6_cases
