#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# After an outage the export has changed. Half of it is in use.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

in_use() {
	WAYS=(plain-1 tls-16)
	LOAD_OPTIONS=(--size 2M)
	new_disks 4M
	serve
	set_up
}

resize() { # SIZE
	server_down
	truncate -s "$1" disks/*
	server_up
}

size_is() { # WAY BYTES
	[ "$(blockdev --getsize64 "${DEVICES[$1]}")" = "$2" ]
}

# The added space can be used; its content was not changed.
new_part_works() { # WAY
	local device=${DEVICES[$1]}
	pattern "$1" 1M >new-part
	dd if=new-part of="$device" bs=1M seek=5 oflag=direct status=none
	dd if="disks/$1" of=served bs=1M skip=5 status=none
	same new-part served
	dd if=/dev/zero of="$device" bs=1M seek=5 count=1 oflag=direct status=none
}

grown() {
	local way
	in_use
	resize 6M
	recover 4
	for way in "${WAYS[@]}"; do
		within 10 size_is "$way" 6291456
		new_part_works "$way"
	done
	finish
}

shrunk() {
	local way
	in_use
	resize 3M
	refused shrunk
	for way in "${WAYS[@]}"; do
		size_is "$way" 4194304 || fail "$way has another size"
	done
	resize 4M
	recover 15
	finish
}

read_only() {
	in_use
	server_down
	serve --readonly
	server_up
	refused read-only
	server_down
	serve
	server_up
	recover 15
	finish
}

it "larger: so is the device" supervised grown
it "smaller: refused, until it has its size again" supervised shrunk
it "read-only: refused, until it is not" supervised read_only
