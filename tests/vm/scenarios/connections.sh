#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Several links to one server, which must advertise NBD_FLAG_CAN_MULTI_CONN.

. "${0%/*}/../lib.sh"

# Links that the server sees.
links() {
	ss -Htn state established "sport = :$PORT" | wc -l
}

four() {
	new_disk disk.img 16M
	start_nbdkit --filter=multi-conn file disk.img
	attach --connections 4 "nbd://127.0.0.1:$PORT/disk"
	[ "$(links)" = 4 ] || fail "$(links) links"
	"$PROGRAM" list | grep -E '^disk .*4$'
	roundtrip "$DEVICE" disk.img
	detach disk
	[ "$(links)" = 0 ] || fail "$(links) links left"
}

four_tls() {
	new_disk disk.img 16M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	attach --connections 4 "nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	[ "$(links)" = 4 ] || fail "$(links) links"
	roundtrip "$DEVICE" disk.img
	detach disk
}

not_offered() {
	new_disk disk.img 1M
	start_nbdkit --filter=multi-conn file disk.img multi-conn-mode=disable
	expect_no_attach 4 --connections 4 "nbd://127.0.0.1:$PORT/disk"
	expect_says connections
}

it "four links" four
it "four links with TLS" four_tls
it "a server that does not offer it" not_offered
