#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Read-only: because the server says so, or because the user does.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

cannot_be_written() { # the device and its file
	[ "$(blockdev --getro "$DEVICE")" = 1 ] || fail "$DEVICE is not read-only"
	reads_back "$DEVICE" disk.img
	cp disk.img before
	! dd if=/dev/urandom of="$DEVICE" bs=4096 count=1 oflag=direct conv=fsync 2>dd.err ||
		fail "could write"
	same before disk.img
	detach "$DEVICE"
}

full_disk() {
	pattern read-only 8388608 >disk.img
}

by_nbdkit() {
	full_disk
	start_nbdkit --readonly file disk.img
	attach "nbd://127.0.0.1:$PORT/"
	cannot_be_written
}

by_qemu() {
	full_disk
	start_qemu_nbd --read-only --export-name disk disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	cannot_be_written
}

by_option() {
	full_disk
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	attach --read-only "nbds://localhost:$PORT/?tls-certificates=$PKI/ca"
	cannot_be_written
}

# The device's next user does not inherit it.
afterwards() {
	full_disk
	start_nbdkit file disk.img
	attach --read-only --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	cannot_be_written
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	[ "$(blockdev --getro "$DEVICE")" = 0 ]
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

it "nbdkit says so" by_nbdkit
it "qemu-nbd says so" by_qemu
it "--read-only, though the server would let us write" by_option
it "the same device can be written when attached again" afterwards
