#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A man in the middle removes TLS from what the server offers, at each moment when a link is
# made: he never gets a byte in plaintext but STARTTLS and ABORT.

. "${0%/*}/../lib.sh"
# shellcheck source=tests/vm/lib-mitm.sh
. "$VM_LIB/lib-mitm.sh"

it "STARTTLS refused in the server's place; another greeting; a server without TLS" \
	supervised harmful unsup policy invalid unfixed plaintext
