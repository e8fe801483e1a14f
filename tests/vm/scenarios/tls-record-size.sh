#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server that accepts only small TLS records (RFC 8449), as small TLS stacks do. Linux sends
# small ones since 6.19; before, a relay does.
#
# Long: left to `tests/run vm`: one server, attached in six ways.

. "${0%/*}/../lib.sh"

modprobe tls

is_at_least() { # VERSION of Linux
	[ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]
}

serve_small_records() { # PRIORITY
	local server
	new_disk disk.img 8M
	start_nbdkit --verbose --tls=off file disk.img
	server=$PORT
	free_port
	start front "$TOP/build/tests/vm/tls-front" "$PORT" "$server" "$PKI/server" \
		--record-size 4096 --priority "$1"
	wait_for listening
	URI="nbds://localhost:$PORT/?tls-certificates=$PKI/ca"
}

carries() { # DATA-PATH
	roundtrip "$DEVICE" disk.img
	nbd_attach status disk
	grep -q "^data path: *$1" out || fail "another data path"
	grep -q '^ *reconnects: *0$' out || fail "a link was lost"
	[ "$(grep -c 'handshake done' front.log)" = "$2" ] || fail "another number of links"
	detach disk
}

by_itself() { # PRIORITY
	serve_small_records "$1"
	attach --name disk "$URI"
	if is_at_least 6.19; then
		[ ! -s err ] || fail "said something"
		carries 'kernel TLS' 1
	else
		expect_says 'records of 409[56] bytes at most'
		carries 'relay: .*records of 409[56] bytes at most' 2
	fi
}

in_kernel() { # PRIORITY
	serve_small_records "$1"
	if is_at_least 6.19; then
		attach --data-path kernel --name disk "$URI"
		carries 'kernel TLS' 1
	else
		expect_no_attach 7 --data-path kernel "$URI"
		expect_says 'records of 409[56] bytes at most' '--data-path kernel'
	fi
}

by_relay() { # PRIORITY
	serve_small_records "$1"
	attach --data-path relay --name disk "$URI"
	carries relay 1
}

for version in 1.2 1.3; do
	priority=NORMAL:-VERS-ALL:+VERS-TLS$version
	it "TLS $version" by_itself $priority
	it "TLS $version, without a relay" in_kernel $priority
	it "TLS $version, with a relay in any case" by_relay $priority
done
