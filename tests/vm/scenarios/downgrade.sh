#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A man in the middle removes TLS from what the server offers whenever a link is made. He never
# gets a byte in plaintext except STARTTLS and ABORT.

. "${0%/*}/../lib.sh"
# shellcheck source=tests/vm/lib-mitm.sh
. "$VM_LIB/lib-mitm.sh"

it "STARTTLS refused in the server's place; another greeting; a server without TLS" \
	supervised harmful unsup policy invalid unfixed plaintext
