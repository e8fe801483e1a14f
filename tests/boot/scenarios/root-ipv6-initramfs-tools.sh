#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools, at an IPv6 address.
# Long: it resembles root-initramfs-tools.sh.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-ipv6.sh"

ipv6_cases
