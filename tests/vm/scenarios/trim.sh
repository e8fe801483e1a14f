#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is discarded on the device becomes a hole in the server's file; zeroes are zeroes.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

full_disk() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	roundtrip "$DEVICE" disk.img
}

# The middle of "expected" zeroed: from 1 MiB, 4 MiB long.
zero_expected() {
	dd if=/dev/zero of=expected bs=1M seek=1 count=4 conv=notrunc status=none
}

discard() {
	local before
	full_disk
	before=$(stat -c %b disk.img)
	blkdiscard --offset 1M --length 4M "$DEVICE"
	[ "$(stat -c %b disk.img)" -le $((before - 8192)) ] || fail "the file has no hole"
	zero_expected
	same expected disk.img
	detach disk
}

zeroes() {
	full_disk
	blkdiscard --zeroout --offset 1M --length 4M "$DEVICE"
	zero_expected
	same expected disk.img
	detach disk
}

not_offered() {
	new_disk disk.img 8M
	start_nbd_server disk.img '[disk]' 'trim = false'
	attach "nbd://127.0.0.1:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	! blkdiscard --offset 1M --length 4M "$DEVICE" || fail "could discard"
	same expected disk.img
	detach disk
}

it "blkdiscard makes a hole" discard
it "blkdiscard --zeroout makes zeroes" zeroes
it "a server that cannot trim is not asked to" not_offered
