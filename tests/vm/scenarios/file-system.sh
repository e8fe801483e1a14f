#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The main job: a file system on a remote disk, over TLS.

. "${0%/*}/../lib.sh"

start_and_attach() {
	new_disk disk.img 64M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	attach "nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	mkdir mnt
}

ext4() {
	start_and_attach
	mkfs.ext4 -q "$DEVICE"
	mount "$DEVICE" mnt
	pattern file 20000000 >expected
	cp expected mnt/file
	mkdir mnt/folder
	seq 1000 | split -l 10 - mnt/folder/

	expect_exit 7 detach disk
	expect_says "$PWD/mnt"
	same expected mnt/file

	umount mnt
	detach disk

	# What the server has is a sound file system with the same bytes in it.
	fsck.ext4 -f -n disk.img
	debugfs -R 'dump /file dumped' disk.img
	same expected dumped
	[ "$(debugfs -R 'ls -p /folder' disk.img | grep -c /100644/)" = 100 ]
}

again() {
	start_and_attach
	mkfs.ext4 -q "$DEVICE"
	mount "$DEVICE" mnt
	pattern again 5000000 >expected
	cp expected mnt/file
	umount mnt
	detach disk

	attach "nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	mount "$DEVICE" mnt
	same expected mnt/file
	umount mnt
	detach disk
	fsck.ext4 -f -n disk.img
}

open_device() {
	start_and_attach
	sleep 600 9<"$DEVICE" &
	expect_exit 7 detach disk
	kill %+
	wait %+ || :
	detach disk
}

it "ext4: made, mounted, written, not to be detached, unmounted, sound" ext4
it "attached again, it is still there" again
it "a device that a process has open is not detached" open_device
