#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Which /dev/nbdN is used.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

serve() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
}

chosen() {
	serve
	attach --device /dev/nbd3 "nbd://127.0.0.1:$PORT/"
	[ "$DEVICE" = /dev/nbd3 ]
	roundtrip /dev/nbd3 disk.img
	detach /dev/nbd3
}

# The driver creates 16 at first; others on request.
beyond() {
	serve
	attach --device /dev/nbd20 "nbd://127.0.0.1:$PORT/"
	[ "$DEVICE" = /dev/nbd20 ]
	roundtrip /dev/nbd20 disk.img
	detach /dev/nbd20
}

busy() {
	serve
	attach --device /dev/nbd3 --name first "nbd://127.0.0.1:$PORT/"
	expect_exit 7 attach --no-daemon --device /dev/nbd3 --name second \
		"nbd://127.0.0.1:$PORT/"
	expect_says nbd3
	roundtrip /dev/nbd3 disk.img
	detach first
}

all_different() {
	serve
	for _ in 1 2 3; do
		attach "nbd://127.0.0.1:$PORT/"
		echo "$DEVICE" >>devices
	done
	[ "$(sort -u devices | wc -l)" = 3 ]
	detach --all
}

no_driver() {
	mkdir /etc/modprobe.d -p
	echo 'install nbd /bin/false' >/etc/modprobe.d/no-nbd.conf
	mount --bind /dev/null /lib/modules/"$(uname -r)"/kernel/drivers/block/nbd.ko* || :
	rmmod nbd
	serve
	expect_no_attach 7 "nbd://127.0.0.1:$PORT/"
	expect_says nbd
	umount /lib/modules/"$(uname -r)"/kernel/drivers/block/nbd.ko* || :
	rm /etc/modprobe.d/no-nbd.conf
}

not_root() {
	serve
	run setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$PROGRAM" attach --no-daemon "nbd://127.0.0.1:$PORT/"
	[ "$CODE" = 7 ] || fail "exit code $CODE"
}

it "--device /dev/nbd3" chosen
it "--device /dev/nbd20, that is not there yet" beyond
it "a device that is in use" busy
it "the kernel picks free ones" all_different
it "an ordinary user may not" not_root
it "without the driver" no_driver
