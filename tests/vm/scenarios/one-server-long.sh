#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A name with two addresses, of two servers whose data differs: relays, and a server that is slow.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-twins.sh"

relay() {
	serve_twins
	TWINS="nbds://twins:$PORT/?tls-certificates=$PKI/ca&tls-hostname=localhost"
	ATTACH_OPTIONS=(--data-path relay)
	stays_then_moves 2
}

# A request takes too long: the new connection goes to the same server, not another one.
slow() {
	expect_in_kernel_log 'Possible stuck'
	FILTER=(--filter=delay)
	PARAMETERS=(wdelay=8)
	serve_twins
	attach_twins --io-timeout 1s
	twins $SECOND $FIRST
	pattern another 4M >new
	dd if=new of="$DEVICE" bs=4k count=1 oflag=direct conv=notrunc status=none
	cmp -n 4096 new "disk-$FIRST" || fail "it was not written"
	! cmp -s -n 4096 new "disk-$SECOND" || fail "it was written elsewhere"
	happened stalled || fail "it was not slow enough"
	all_at $FIRST 1
	detach disk
}

it "relays stay together" supervised relay
it "a slow server keeps its disk" supervised slow
