#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by dracut: whom it trusts.
# Long: several boots.

export FRAMEWORK=dracut
. "${0%/*}/../root-tls.sh"

tls_cases
it "boots with a credential for a key" boots_with_credential
