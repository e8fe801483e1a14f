#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Malicious servers (tests/hostile/rows.py) answer in place of a good one: a running attachment
# must refuse each of them, and continue when the good one is back.
#
# Long: two hundred servers in turn.

. "${0%/*}/../lib.sh"

reconnects() {
	mkdir disks
	start_nbdkit "$ONE_BY_ONE" --tls=on --tls-certificates="$PKI/server" file dir=disks
	"$TOP/tests/hostile/reconnect.py" "$PROGRAM" "$PKI" "$PORT" disks
}

it "each of them: refused, and I/O waits" supervised reconnects
