#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools: whom it trusts.
# Long: several boots.

export FRAMEWORK=initramfs-tools
. "${0%/*}/../root-tls.sh"

tls_cases
