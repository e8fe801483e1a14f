#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Requests keep to the block sizes that the server advertises: none is smaller or larger.
# nbdkit's blocksize-policy filter answers a request that breaks the rule with an error.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

strict_nbdkit() { # MINIMUM PREFERRED MAXIMUM
	new_disk disk.img 8M
	start_nbdkit --filter=blocksize-policy file disk.img blocksize-error-policy=error \
		blocksize-minimum="$1" blocksize-preferred="$2" blocksize-maximum="$3"
}

minimum_4096() {
	strict_nbdkit 4096 4096 32M
	attach "nbd://127.0.0.1:$PORT/"
	[ "$(blockdev --getss "$DEVICE")" = 4096 ] || fail "sectors are not of 4096 bytes"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

minimum_1() {
	strict_nbdkit 1 4096 32M
	attach "nbd://127.0.0.1:$PORT/"
	[ "$(blockdev --getss "$DEVICE")" = 512 ] || fail "sectors are not of 512 bytes"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

# Larger than a page: not every kernel can do that, and none may get it wrong.
minimum_64k() {
	strict_nbdkit 65536 65536 32M
	run "$PROGRAM" attach --no-daemon "nbd://127.0.0.1:$PORT/"
	case $CODE in
	0) roundtrip "$OUT" disk.img; detach "$OUT" ;;
	7) grep -q 65536 err ;;
	*) fail "exit code $CODE" ;;
	esac
}

maximum_64k() {
	strict_nbdkit 512 4096 64K
	attach "nbd://127.0.0.1:$PORT/"
	[ "$(cat "/sys/block/${DEVICE#/dev/}/queue/max_sectors_kb")" -le 64 ] ||
		fail "the kernel may send more than 64 KiB"
	roundtrip "$DEVICE" disk.img
	# Through the page cache too, where the kernel chooses the requests' sizes.
	pattern cached 8388608 >expected
	dd if=expected of="$DEVICE" bs=1M conv=fsync status=none
	same expected disk.img
	detach "$DEVICE"
}

# The kernel keeps the limit when the device is given back.
next_user() {
	strict_nbdkit 512 4096 64K
	attach --device /dev/nbd2 "nbd://127.0.0.1:$PORT/"
	detach "$DEVICE"
	start_nbdkit file disk.img
	attach --device /dev/nbd2 "nbd://127.0.0.1:$PORT/"
	[ "$(cat /sys/block/nbd2/queue/max_sectors_kb)" -gt 64 ] ||
		fail "the limit of the last server is still there"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

it "a minimum of 4096 bytes is the device's sector" minimum_4096
it "a minimum of 1 byte is a sector of 512" minimum_1
it "a minimum of 65536 bytes: works, or is refused" minimum_64k
it "a maximum of 64 KiB limits the kernel's requests" maximum_64k
it "the next server is not limited by the last" next_user
