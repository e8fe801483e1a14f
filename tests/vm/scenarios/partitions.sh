#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A partitioned disk: when `attach` is done, so are the partitions' devices and udev.

. "${0%/*}/../lib.sh"

partitioned_disk() { # gpt|dos
	new_disk disk.img 16M
	printf 'label: %s\nsize=4M\nsize=8M\n' "$1" | sfdisk --quiet disk.img
}

partitions_appear() { # gpt|dos
	partitioned_disk "$1"
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	attach "nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	[ -b "${DEVICE}p1" ] && [ -b "${DEVICE}p2" ] || fail "no partitions: $(ls "$DEVICE"*)"
	[ "$(blockdev --getsize64 "${DEVICE}p2")" = 8388608 ]
	udevadm info --query=property --name="${DEVICE}p1" | grep ID_PART_ENTRY_NUMBER=1

	# The second partition starts where the first one ends, at 1 + 4 MiB.
	pattern p2 8388608 >expected
	write_whole "${DEVICE}p2" expected
	dd if=disk.img of=p2 bs=1M skip=5 count=8 status=none
	same expected p2

	detach disk
	[ ! -b "${DEVICE}p1" ] || fail "a partition is left"
}

detach_in_use() {
	partitioned_disk gpt
	start_nbdkit file disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	mke2fs -q "${DEVICE}p1"
	mkdir mnt
	mount "${DEVICE}p1" mnt
	expect_exit 7 detach disk
	expect_says "$PWD/mnt"
	umount mnt
	detach disk
}

it "of a GPT" partitions_appear gpt
it "of a DOS table" partitions_appear dos
it "a mounted partition keeps the disk attached" detach_in_use
