#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Names of attachments: given, or derived from the export's.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

serve() {
	new_disk disk.img 1M
	start_nbdkit file disk.img
}

attached_as() { # NAME URI-PATH
	attach "nbd://127.0.0.1:$PORT/$2"
	"$PROGRAM" list | grep -E "^$1 +$DEVICE "
	[ "$(cat "/sys/block/${DEVICE#/dev/}/backend")" = "nbd-attach:$1" ]
}

derived() {
	serve
	attached_as vm-disk_1.img vm-disk_1.img
	attached_as disk ''
	attached_as disk-2 disk
	attached_as disk-3 disk
	detach disk-2
	attached_as disk-2 ''
	detach --all
}

reduced() {
	serve
	attached_as backups 'b%20a%2Fc%3Ak%C3%A9u%0Aps'
	detach backups
}

like_a_device() {
	serve
	expect_exit 2 attach --no-daemon --name nbd1 "nbd://127.0.0.1:$PORT/"
	attached_as disk nbd1
	expect_exit 8 detach nbd1
	detach disk
}

taken() {
	serve
	attach --name mine "nbd://127.0.0.1:$PORT/"
	expect_exit 7 attach --no-daemon --name mine "nbd://127.0.0.1:$PORT/"
	expect_says mine
	[ "$("$PROGRAM" list | grep -c /dev/nbd)" = 1 ]
	detach mine
}

it "made of the export's name, with a number if taken" derived
it "reduced to letters, digits and . _ -" reduced
it "a given name that is taken is an error" taken
it "that of a device is none" like_a_device
