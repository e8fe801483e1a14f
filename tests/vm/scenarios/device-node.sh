#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The path that attach prints is the disk, not another file of that name in /dev.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

serve() {
	new_disk disk.img 16M
	printf 'label: gpt\nsize=4M\nsize=8M\n' | sfdisk --quiet disk.img
	start_nbdkit file disk.img
}

# The kernel creates no node where a file exists, for example after `dd of=/dev/nbd5` while
# the driver was not loaded.
in_its_place() { # COMMAND… puts something at NODE, in the way of the device
	serve
	expect_in_kernel_log 'I/O error' # udev reads while it is taken away again
	rm -rf "$NODE" # of a case before, which failed
	"$@" "$NODE"
	expect_no_attach 7 --device /dev/nbd5 "nbd://127.0.0.1:$PORT/"
	expect_says "$NODE" "mknod -m 660 $NODE b $(cat numbers)"
	[ ! -f "$NODE" ] || grep -q precious "$NODE" || fail "the file was touched"

	# The message's advice helps.
	rm -rf "$NODE"
	read -r -a words <<<"$(grep -o 'mknod.*' err)"
	"${words[@]}"
	attach --device /dev/nbd5 "nbd://127.0.0.1:$PORT/"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
	rm -f /dev/nbd5p1
}

write_file() {
	echo precious >"$1"
}

of_another_disk() {
	mknod "$1" b 43 0
}

of_the_disk() {
	NODE=/dev/nbd5
	tr : ' ' </sys/block/nbd5/dev >numbers
	in_its_place "$@"
}

# Partitions follow the disk's number.
of_its_partition() {
	local first
	NODE=/dev/nbd5p1
	IFS=: read -r _ first </sys/block/nbd5/dev
	echo "43 $((first + 1))" >numbers
	in_its_place "$@"
}

# A container's /dev, made before the module was loaded again with another max_part.
static_dev() {
	local printed
	serve
	attach --name mine --device /dev/nbd0 "nbd://127.0.0.1:$PORT/"
	detach mine
	rmmod nbd
	modprobe nbd max_part=63
	mkdir static
	cp -a /dev/null /dev/zero /dev/urandom static
	mknod static/nbd1 b 43 32
	printed=$(unshare --mount sh -c "mount --bind static /dev; exec \
		'$PROGRAM' attach --no-daemon --device /dev/nbd1 nbd://127.0.0.1:$PORT/" 2>err) ||
		CODE=$?
	cat err
	rmmod nbd
	modprobe nbd
	[ "$CODE" = 7 ] && [ -z "$printed" ] || fail "code $CODE, printed $printed"
	expect_says "43:32 instead of 43:64"
}

no_partitions() {
	serve
	rmmod nbd
	modprobe nbd max_part=0
	attach "nbd://127.0.0.1:$PORT/"
	expect_says "warning.*max_part=0" "blockdev --rereadpt $DEVICE"
	# The message's advice helps, unless udev has done it already, when a writer closed.
	blockdev --rereadpt "$DEVICE"
	[ -b "${DEVICE}p1" ]
	detach "$DEVICE"
	rmmod nbd
	modprobe nbd
	attach "nbd://127.0.0.1:$PORT/"
	[ ! -s err ] || fail "a warning"
	[ -b "${DEVICE}p1" ]
	detach "$DEVICE"
}

it "a regular file in the device's place" of_the_disk write_file
it "a folder" of_the_disk mkdir
it "another disk's node" of_the_disk of_another_disk
it "a regular file in a partition's place" of_its_partition write_file
it "a partition's node is another disk's" of_its_partition of_another_disk
it "a container's /dev, of before another max_part" static_dev
it "no partitions where max_part is 0" no_partitions
