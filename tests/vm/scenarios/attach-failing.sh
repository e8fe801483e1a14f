#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Links that come up and never work while a disk is attached: a relay or another address is tried,
# and if that does not help attach fails, although --io-timeout is long.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-twins.sh"

PATIENT=(--io-timeout 5min)
ENDED='in a row ended before a request was completed'

expect_trouble() {
	expect_in_kernel_log 'timed out|Receive control|I/O error|nbd0'
}

# A proxy resets each connection at its first request.
reset_each_time() { # OPTION…
	expect_trouble
	touch resets
	new_disk disk.img 4M
	start_nbdkit "$ONE_BY_ONE" file disk.img
	BEHIND=$PORT
	free_port
	start proxy "$VM_LIB/resetting-proxy.py" "$PORT" "$BEHIND"
	wait_for listening
	expect_exit 3 attach "$@" "nbd://127.0.0.1:$PORT/disk"
}

no_link_works() {
	reset_each_time "${PATIENT[@]}"
	expect_says "cannot read from 127.0.0.1:$PORT: 10 connections $ENDED"
	assert_clean
}

# --io-timeout ends it before; and with several links a request is sent again only after it.
io_timeout_first() { # OPTION…
	reset_each_time --io-timeout 4s "$@"
	expect_says "--io-timeout\): [1-5] connections $ENDED"
	assert_clean
}

front() { # TLS-FRONT-OPTION…
	expect_trouble
	new_disk disk.img 4M
	start_nbdkit "$ONE_BY_ONE" --tls=off file disk.img
	BEHIND=$PORT
	free_port
	start front "$TOOLS/tls-front" "$PORT" "$BEHIND" "$PKI/server" "$@"
	wait_for listening
	FRONT="nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
}

# A KeyUpdate before each first reply.
relay_helps() { # OPTION…
	front --key-update yes
	nbd_attach attach "$@" "$FRONT"
	DEVICE=$OUT
	says disk 'data path' "relay: .*$ENDED" || fail "status: $("$PROGRAM" status disk)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

# An alert instead of each reply.
alert_each_time() { # OPTION…
	front --refuse 20
	expect_exit 5 attach "${PATIENT[@]}" "$@" "$FRONT"
	expect_says "cannot read from localhost:$PORT: 10 connections $ENDED: .*TLS alert 22"
	assert_clean
}

# Nobody makes another link.
alert_once() { # OPTION…
	front --refuse 20
	run "$PROGRAM" attach --no-daemon "$@" "$FRONT"
	[ "$CODE" = 5 ] || fail "exit code $CODE"
	assert_clean
	expect_says "localhost:$PORT was lost while its disk was attached: .*TLS alert 22"
}

# Links to the first address never work, those to the second do.
another_address() {
	expect_trouble
	touch resets
	serve_twins
	serve_resetting_twin $FIRST
	attach_twins "${PATIENT[@]}"
	all_at $SECOND 1
	detach disk
}

it "no link works" supervised no_link_works
it "no link works until --io-timeout" supervised io_timeout_first
it "the same with two links" supervised io_timeout_first --connections 2
it "a relay can do what the kernel cannot" supervised relay_helps
it "the same with two links" supervised relay_helps --connections 2 --io-timeout 5s
it "an alert ends each link, and each relay" supervised alert_each_time
it "the same without a relay" supervised alert_each_time --data-path kernel
it "an alert without a supervisor" supervised alert_once --data-path kernel
it "an alert to a relay without a supervisor" supervised alert_once --data-path relay
it "another address of the name" supervised another_address
