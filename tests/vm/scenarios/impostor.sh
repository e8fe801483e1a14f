#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A man in the middle leaves TLS in, and takes the server's place in it, at each moment when
# a link is made.
#
# Long: eight attacks at four moments, each with a wait for what must not happen.

. "${0%/*}/../lib.sh"
# shellcheck source=tests/vm/lib-mitm.sh
. "$VM_LIB/lib-mitm.sh"

it "what the server said before; by another; with something added" \
	supervised harmful replayed impostor injected
it "flags that mean nothing do no harm" supervised harmless unknown zeroes
