#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The device's limits are those of its server; none is left over from the former user.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

attribute() { # of DEVICE
	cat "/sys/block/${DEVICE#/dev/}/$1"
}

expect_attribute() { # NAME VALUE
	[ "$(attribute "$1")" = "$2" ] || fail "$1 is $(attribute "$1") instead of $2"
}

# The device does not support it: kernels before 6.12 have no write-zeroes.
expect_none() { # NAME
	expect_attribute "$1" 0
}

serve_all() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
}

serve_no_zeroes() {
	start_nbdkit --filter=nozero file disk.img zeromode=none
}

zeroes_are_written() {
	roundtrip "$DEVICE" disk.img
	blkdiscard --zeroout "$DEVICE"
	cmp -n 8388608 /dev/zero disk.img || fail "not zeroes"
}

# The former server had write-zeroes, this one has not.
no_write_zeroes() { # [OPTION…]
	serve_all
	attach "$@" "nbd://127.0.0.1:$PORT/"
	detach "$DEVICE"
	serve_no_zeroes
	attach "$@" "nbd://127.0.0.1:$PORT/"
	expect_none queue/write_zeroes_max_bytes
	zeroes_are_written
	detach "$DEVICE"
	[ -b "$DEVICE" ] || fail "the node is gone"
}

# /dev/nbd0 can be used by others as before.
made_anew() {
	no_write_zeroes --device /dev/nbd0
	[ "$DEVICE" = /dev/nbd0 ] || fail "it is $DEVICE"
	[ "$(cat /sys/block/nbd0/dev)" = 43:0 ]
	serve_all
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

# Free, but open: it is neither used nor waited for.
others_are_open() {
	serve_all
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	detach "$DEVICE"
	serve_no_zeroes
	exec 7</dev/nbd1
	attach "nbd://127.0.0.1:$PORT/"
	[ "$DEVICE" != /dev/nbd1 ]
	expect_none queue/write_zeroes_max_bytes
	zeroes_are_written
	detach "$DEVICE"
}

# All devices have had a user.
all_are_stale() {
	local i
	serve_all
	for ((i = 0; i < 4; i++)); do
		attach --device /dev/nbd$i "nbd://127.0.0.1:$PORT/"
		detach "$DEVICE"
	done
	serve_no_zeroes
	attach "nbd://127.0.0.1:$PORT/"
	expect_none queue/write_zeroes_max_bytes
	zeroes_are_written
	detach "$DEVICE"
}

few_devices() {
	rmmod nbd
	modprobe nbd nbds_max=4
	all_are_stale
	rmmod nbd
	modprobe nbd
}

blocks() {
	new_disk disk.img 8M
	start_nbdkit --filter=blocksize-policy file disk.img blocksize-minimum=4096 \
		blocksize-preferred=4096 blocksize-maximum=32M
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	expect_attribute queue/minimum_io_size 4096
	detach "$DEVICE"
	serve_all
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	expect_attribute queue/minimum_io_size 512
	expect_attribute queue/logical_block_size 512
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

# What people set by hand outlives their disk: flushes that no server gets, a disk that
# cannot be written, statistics without which no progress is seen.
set_by_hand() {
	serve_all
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	blockdev --setro "$DEVICE"
	echo 'write through' >/sys/block/nbd0/queue/write_cache
	echo 0 >/sys/block/nbd0/queue/iostats
	echo 0 >/sys/block/nbd0/queue/discard_max_bytes
	echo 1 >/sys/block/nbd0/queue/rotational
	echo 16 >/sys/block/nbd0/queue/max_sectors_kb
	detach "$DEVICE"
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	expect_attribute ro 0
	[ "$(blockdev --getro "$DEVICE")" = 0 ]
	expect_attribute queue/write_cache 'write back'
	expect_attribute queue/iostats 1
	[ "$(attribute queue/discard_max_bytes)" -gt 0 ]
	expect_attribute queue/rotational 0
	[ "$(attribute queue/max_sectors_kb)" -gt 64 ]
	roundtrip "$DEVICE" disk.img
	blkdiscard "$DEVICE"
	detach "$DEVICE"
}

# A server that says what it is, on each kernel.
told() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	expect_attribute queue/fua 1
	detach "$DEVICE"
	start_nbdkit --filter=fua --filter=nozero --filter=blocksize-policy file disk.img \
		zeromode=none blocksize-minimum=1 blocksize-preferred=4096 \
		blocksize-maximum=128K
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	expect_attribute queue/fua 0
	expect_attribute queue/max_sectors_kb 128
	expect_none queue/write_zeroes_max_bytes
	zeroes_are_written
	detach "$DEVICE"
	start_nbd_server disk.img '[disk]' 'rotational = true' 'trim = false' 'flush = false'
	attach --device /dev/nbd0 "nbd://127.0.0.1:$PORT/disk"
	expect_attribute queue/rotational 1
	expect_attribute queue/write_cache 'write through'
	expect_none queue/fua
	expect_none queue/discard_max_bytes
	detach "$DEVICE"
}

it "no write-zeroes after a server that had them" no_write_zeroes
it "on the very same device, which is made anew" made_anew
it "a device that somebody has open is left alone" others_are_open
it "where all devices have been used, one more is made" few_devices
it "512-byte blocks after 4096" blocks
it "what was set by hand is forgotten" set_by_hand
it "abilities that are told, and not told" told
